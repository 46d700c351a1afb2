package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"roomline/test/bench/local"
)

const (
	longest  = 100 * time.Millisecond // that a gateway lives, from its start or from when it is ready
	starting = 20 * time.Second       // for a gateway to be ready
	perTurn  = 6                      // invites at most in one life
	patience = 60 * time.Second       // for everything to end at last
)

// bench is one run.
type bench struct {
	dir, binary, config string
	asURL, hsToken      string
	hs                  *homeserver
	trunk               *trunk
	http                *http.Client

	unsent []transaction // in order; repeated until acknowledged
	acked  []transaction // the last few, some of which are repeated all the same
	next   int           // number of the next call
	result result
}

func run(ctx context.Context, n int, database string) (result, error) {
	b, err := prepare(ctx, database)
	if err != nil {
		return result{}, err
	}
	defer b.close()
	for i := range n {
		if err := b.live(ctx, rand.N(longest)); err != nil {
			return b.result, fmt.Errorf("life %d: %w", i+1, err)
		}
		b.result.Cycles++
	}
	return b.result, b.settle(ctx)
}

func prepare(ctx context.Context, database string) (b *bench, err error) {
	b = &bench{http: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	if b.dir, err = os.MkdirTemp("", "killcycles-"); err != nil {
		return nil, err
	}
	if b.hs, err = newHomeserver(); err != nil {
		return nil, err
	}
	if b.trunk, err = newTrunk(); err != nil {
		return nil, err
	}
	b.config = filepath.Join(b.dir, "roomline.yaml")
	if b.binary, err = local.Build(ctx, b.dir); err != nil {
		return nil, err
	}
	return b, b.configure(ctx, database)
}

func (b *bench) close() {
	b.trunk.close()
	b.hs.close()
	os.RemoveAll(b.dir)
}

// configure writes the files, on ports that are free at this moment.
func (b *bench) configure(ctx context.Context, database string) error {
	listen := local.Free("tcp")
	b.asURL = "http://" + listen
	if database == "" {
		database = filepath.Join(b.dir, "roomline.db")
	}
	_, webrtc, _ := net.SplitHostPort(local.Free("udp"))
	text := fmt.Sprintf(`database: %q
matrix: {homeserver: %q, domain: example.org, listen: %q}
trunks: {pbx: {host: %q, caller_id: "+4930555000"}}
dialing: {country: DE}
sip: {listen: ["udp://%s"]}
media: {webrtc_port: %s, ports: 30000-31999}
calls: {max: 1000, drain_timeout: 1s}
http: {listen: %q}
log: {level: error}
`, database, b.hs.url, listen, b.trunk.conn.LocalAddr(), local.Free("udp"), webrtc, local.Free("tcp"))
	err := os.WriteFile(b.config, []byte(text), 0o600)
	if err != nil {
		return err
	}
	b.hsToken, err = local.Register(ctx, b.binary, b.config)
	return err
}

// live starts a gateway, sends it calls, and kills it at an instant of its own:
// one in four while it starts, the others at work.
func (b *bench) live(ctx context.Context, age time.Duration) error {
	for len(b.hs.pinged) > 0 {
		<-b.hs.pinged
	}
	var said bytes.Buffer
	gateway := exec.Command(b.binary, "run", "-c", b.config)
	gateway.Stdout, gateway.Stderr = &said, &said
	begun := time.Now()
	if err := gateway.Start(); err != nil {
		return err
	}
	life, end := context.WithTimeout(ctx, starting)
	defer end()
	kill := func() { time.AfterFunc(age, end) }
	if rand.IntN(4) == 0 {
		kill()
		kill = func() {}
	}
	b.repeatSome()
	b.feed(life, perTurn, begun, kill)
	<-life.Done()
	gateway.Process.Kill()
	gateway.Wait()
	if status, ok := gateway.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
		return fmt.Errorf("it ended by itself: %v\n%s", gateway.ProcessState, said.Bytes())
	}
	return ctx.Err()
}

// repeatSome lets the homeserver not have heard some acknowledgements.
func (b *bench) repeatSome() {
	lost := len(b.acked)
	if lost > 0 {
		lost = rand.IntN(lost + 1)
	}
	b.result.Repeated += lost + len(b.unsent)
	b.unsent = append(append([]transaction{}, b.acked[len(b.acked)-lost:]...), b.unsent...)
	b.acked = nil
}

// feed sends what is to be repeated, and then new calls, one transaction after
// the other, as a homeserver does.
func (b *bench) feed(ctx context.Context, fresh int, begun time.Time, whenReady func()) {
	for ready := false; ctx.Err() == nil; {
		if !ready {
			select {
			case <-b.hs.pinged:
				ready = true
				b.result.Ready = append(b.result.Ready, time.Since(begun))
				whenReady()
			case <-ctx.Done():
				return
			}
		}
		if len(b.unsent) == 0 {
			if fresh <= 0 {
				return
			}
			t := transaction{id: fmt.Sprint("txn", b.next), at: time.Now()}
			for range min(fresh, 1+rand.IntN(3)) {
				t.calls = append(t.calls, b.next)
				b.next, fresh = b.next+1, fresh-1
			}
			b.unsent = append(b.unsent, t)
		}
		if b.send(ctx, b.unsent[0]) {
			b.acked = append(b.acked, b.unsent[0])
			b.unsent = b.unsent[1:]
			b.acked = b.acked[max(0, len(b.acked)-3):]
		}
	}
}

func (b *bench) send(ctx context.Context, t transaction) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, b.asURL+"/_matrix/app/v1/transactions/"+t.id, bytes.NewReader(t.body()))
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+b.hsToken)
	res, err := b.http.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// settle lets a last gateway put everything in order, stops it, and counts.
func (b *bench) settle(ctx context.Context) error {
	gateway := exec.CommandContext(ctx, b.binary, "run", "-c", b.config)
	if err := gateway.Start(); err != nil {
		return err
	}
	until, end := context.WithTimeout(ctx, patience)
	defer end()
	b.repeatSome()
	b.feed(until, 0, time.Now(), func() {})
	gateway.Process.Signal(syscall.SIGTERM)
	if err := gateway.Wait(); err != nil {
		return fmt.Errorf("the last gateway: %w", err)
	}
	b.count()
	return nil
}

func (b *bench) count() {
	rang, double := b.trunk.counted()
	b.result.Invites, b.result.Rang, b.result.Double = b.next, len(rang), double
	for n := range b.next {
		call := fmt.Sprint("call", n)
		switch {
		case b.hs.over(call):
		case rang["+"+number(n)] || rang[number(n)] || b.hs.heardOf(call):
			b.result.Open++
		default:
			b.result.Lost++
		}
	}
}
