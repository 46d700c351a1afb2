package sip

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// mourning is how long a gravestone stands: longer than any request of the dead
// connection needs to find it.
const mourning = 5 * time.Second

// flows are all connections there are. It is a net.Listener too, at which the
// library accepts them: those that were dialled as well.
type flows struct {
	agent  *Agent
	intake chan *flow
	done   chan struct{} // closed by Close
	once   sync.Once
	wg     sync.WaitGroup // dialling, handshakes, goodbyes

	yard sync.Mutex // of gravestones: none falls on a new connection with the same far end

	mu      sync.Mutex // taken last: the library holds locks of its own when it closes
	open    map[*flow]bool
	shared  map[flowKey]*flow        // dialled, for the next request
	local   map[netip.AddrPort]*flow // dialled, by our own end
	remote  map[netip.AddrPort]*flow // all, by the other end
	dialing map[flowKey]*attempt
}

func newFlows(a *Agent) *flows {
	return &flows{agent: a, intake: make(chan *flow), done: make(chan struct{}), open: map[*flow]bool{}, shared: map[flowKey]*flow{},
		local: map[netip.AddrPort]*flow{}, remote: map[netip.AddrPort]*flow{}, dialing: map[flowKey]*attempt{}}
}

// Accept implements net.Listener.
func (fs *flows) Accept() (net.Conn, error) {
	select {
	case f := <-fs.intake:
		return f, nil
	case <-fs.done:
		return nil, net.ErrClosed
	}
}

// Addr implements net.Listener; there is no one address.
func (fs *flows) Addr() net.Addr { return &net.TCPAddr{} }

// Close implements net.Listener. It may be called twice.
func (fs *flows) Close() error {
	fs.once.Do(func() { close(fs.done) })
	return nil
}

// shut closes what is open, and waits for every goroutine.
func (fs *flows) shut() {
	fs.Close()
	fs.mu.Lock()
	var open []*flow
	for f := range fs.open {
		open = append(open, f)
	}
	fs.mu.Unlock()
	for _, f := range open {
		f.Close()
	}
	fs.wg.Wait()
}

// adopt hands a connection to the library, and returns when requests can leave
// on it. Where that cannot be any more, the connection is closed.
func (fs *flows) adopt(ctx context.Context, f *flow) bool {
	if !fs.enter(f) {
		f.Close()
		return false
	}
	select {
	case fs.intake <- f:
		<-f.adopted // the library reads what it has accepted
		return true
	case <-ctx.Done():
	case <-fs.done:
	}
	f.Close()
	return false
}

// enter notes a connection. Messages show where they came from, but not by which
// connection: so there are never two of different transports with one far end,
// and the one that we dialled stays.
func (fs *flows) enter(f *flow) bool {
	fs.yard.Lock()
	defer fs.yard.Unlock()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.open[f] = true
	if old := fs.remote[f.remote]; old.alive() && old.row != f.row {
		if !f.dialled() {
			return false
		}
		fs.wg.Go(func() { old.Close() }) // ends at once; awaited by shut
	}
	fs.remote[f.remote] = f
	if f.dialled() {
		fs.shared[f.key], fs.local[f.local] = f, f
	}
	return true
}

// forget takes a connection out of every map that still holds it, and closes it
// aside. Whoever shuts down meanwhile finds it in the maps or waits for that.
func (fs *flows) forget(f *flow) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	delete(fs.open, f)
	if fs.remote[f.remote] == f {
		delete(fs.remote, f.remote)
	}
	fs.retireLocked(f)
	if fs.local[f.local] == f {
		delete(fs.local, f.local)
	}
	fs.wg.Go(func() { f.Conn.Close() }) // ends within TLS's 5 s; awaited by shut
}

// retire lets the next request begin a connection of its own. What is on this
// one stays.
func (fs *flows) retire(f *flow) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.retireLocked(f)
}

func (fs *flows) retireLocked(f *flow) {
	if fs.shared[f.key] == f {
		delete(fs.shared, f.key)
	}
}

// bury puts a gravestone into the library's pool in place of a lost connection.
func (fs *flows) bury(f *flow) {
	fs.yard.Lock()
	defer fs.yard.Unlock()
	if fs.at(f.remote) != f {
		return
	}
	at, pool := f.RemoteAddr().String(), fs.agent.transport.Pool("tcp")
	stone := gravestone{f.LocalAddr()}
	pool.Add(at, stone)
	time.AfterFunc(mourning, func() { _ = pool.CloseAndDelete(stone, at) }) // it has nothing that could fail
}

// at is the latest connection with a far end.
func (fs *flows) at(remote netip.AddrPort) *flow {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.remote[remote]
}

// from is the connection that we dialled from an address.
func (fs *flows) from(local netip.AddrPort) *flow {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.local[local]
}

// ping asks the far ends of a trunk's connections, the dialled ones, for a sign
// of life. It does not wait.
func (fs *flows) ping(t *trunk) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for f := range fs.open {
		if f.owner == t {
			fs.wg.Go(f.rouse) // ends within streamWrite; awaited by shut
		}
	}
}

// bring says how a message came: by its connection, nil over UDP.
func (fs *flows) bring(msg sipmsg.Message) *flow {
	if sipmsg.NetworkToLower(msg.Transport()) == "udp" {
		return nil
	}
	return fs.at(sourceOf(msg))
}
