package sip

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"strconv"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Limits of what is kept of transactions that are over.
const (
	maxFinished = 100_000  // of calls: half a minute of 1,000 a second
	maxRefused  = 20_000   // of all else
	maxAnswers  = 32 << 20 // bytes of the answers of either: an answer repeats much of its request
	maxUnacked  = 2_000    // refused INVITEs that are repeated until their ACK
)

// finished is what is left of server transactions over UDP that had their final
// response: so much as repetitions need (RFC 3261 §17.2), and no more. The
// library would keep each, with all of its messages, for half a minute; so its
// own end when the response has left. See kept.
type finished struct {
	seed   maphash.Seed
	t1, t2 time.Duration
	life   time.Duration // 64*T1, timers H, J and L

	mu      sync.Mutex
	all     map[uint64]*remains
	calls   rack // what belongs to calls has room of its own:
	refused rack // the refused and the scanned displace each other only
	unacked int
	closed  bool
}

// remains are what one transaction leaves.
type remains struct {
	key    uint64
	answer []byte // to repetitions; empty: they are absorbed
	tag    string // of the answer to an INVITE
	to     netip.AddrPort
	until  time.Time

	timer *time.Timer // sends the answer again until the ACK; nil: it is not awaited
	wait  time.Duration
}

func newFinished(t timing) *finished {
	return &finished{seed: maphash.MakeSeed(), t1: t.t1, t2: t.t2, life: t.ack, all: map[uint64]*remains{},
		calls: rack{most: maxFinished}, refused: rack{most: maxRefused}}
}

// key recognises a request and its responses: by the topmost branch, the
// sequence number, the Call-ID and the address at the other end. ACK and CANCEL
// have the key of their INVITE (RFC 3261 §17.2.3).
func (f *finished) key(branch, seq, method, callID []byte, peer netip.Addr) uint64 {
	var h maphash.Hash
	h.SetSeed(f.seed)
	h.Write(branch)
	h.WriteByte(0)
	h.Write(bytes.TrimLeft(seq, "0"))
	h.WriteByte(0)
	switch string(method) {
	case "ACK", "CANCEL":
		h.WriteString("INVITE")
	default:
		h.Write(method)
	}
	h.WriteByte(0)
	h.Write(callID)
	addr := peer.As16()
	h.Write(addr[:])
	return h.Sum64()
}

func (f *finished) keyOf(m raw, peer netip.Addr) uint64 {
	seq, method := m.sequence()
	return f.key(branchIn(m.via), seq, method, m.callID, peer)
}

// keep puts a final response away that left for to. It tells whether the
// library may forget its transaction.
func (f *finished) keep(b []byte, to netip.AddrPort, send func([]byte, netip.AddrPort)) bool {
	m, r := read(b)
	_, method := m.sequence()
	if r.status != 0 || string(method) == string(sipmsg.CANCEL) {
		return false
	}
	if status := finalIn(b); status == 401 || status == 407 { // whoever has proved nothing is asked anew
		return true
	}
	one := &remains{key: f.keyOf(m, to.Addr()), to: to}
	invite, success := string(method) == string(sipmsg.INVITE), b[len("SIP/2.0 ")] == '2'
	if invite {
		one.tag = string(tagIn(m.to))
	}
	if !invite || !success { // a leg repeats its 2xx itself
		one.answer = bytes.Clone(b)
	}
	rack := &f.refused
	if success && string(method) != string(sipmsg.OPTIONS) {
		rack = &f.calls
	}
	if f.put(one, rack) && invite && !success {
		f.insist(one, send)
	}
	return true
}

// put keeps one for a while, and tells whether it is new.
func (f *finished) put(one *remains, rack *rack) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.find(one.key) != nil {
		return false
	}
	one.until = time.Now().Add(f.life)
	f.all[one.key] = one
	for _, old := range rack.add(one) {
		f.drop(old)
	}
	return true
}

// insist sends a refusal until its ACK comes.
func (f *finished) insist(one *remains, send func([]byte, netip.AddrPort)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unacked < maxUnacked && f.all[one.key] == one {
		f.unacked++
		one.wait = f.t1
		one.timer = time.AfterFunc(one.wait, func() { f.again(one, send) }) // ends at once; close stops it
	}
}

// find is what is kept under a key, under the lock.
func (f *finished) find(key uint64) *remains {
	if one := f.all[key]; one != nil && time.Now().Before(one.until) {
		return one
	}
	return nil
}

// drop forgets one, under the lock.
func (f *finished) drop(one *remains) {
	f.acked(one)
	if f.all[one.key] == one {
		delete(f.all, one.key)
	}
}

// acked ends the repetition of a refusal, under the lock.
func (f *finished) acked(one *remains) {
	if one.timer != nil {
		one.timer.Stop()
		one.timer = nil
		f.unacked--
	}
}

// again sends a refusal once more, at doubling intervals up to T2 (RFC 3261
// §17.2.1, timer G).
func (f *finished) again(one *remains, send func([]byte, netip.AddrPort)) {
	f.mu.Lock()
	if f.closed || one.timer == nil {
		f.mu.Unlock()
		return
	}
	if one.wait = min(2*one.wait, f.t2); time.Now().After(one.until) {
		f.drop(one)
		f.mu.Unlock()
		return
	}
	one.timer.Reset(one.wait)
	f.mu.Unlock()
	send(one.answer, one.to)
}

// repeated tells whether a request repeats one that is over, and what it gets.
func (f *finished) repeated(m raw, peer netip.Addr) (*remains, bool) {
	key := f.keyOf(m, peer)
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.find(key)
	_, method := m.sequence()
	sloppy := string(m.method) == string(sipmsg.ACK) && string(method) == string(sipmsg.INVITE) // as SIPp's users write it
	if one == nil || !bytes.Equal(method, m.method) && !sloppy {
		return nil, false
	}
	if string(m.method) == string(sipmsg.ACK) {
		f.acked(one)
	}
	return one, true
}

// close stops every timer.
func (f *finished) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, one := range f.all {
		f.acked(one)
	}
}

// sequence are the number and the method of the CSeq.
func (m raw) sequence() (number, method []byte) {
	number, method, _ = bytes.Cut(m.cseq, []byte(" "))
	return number, bytes.TrimSpace(method)
}

// branchIn is the branch of a Via value; empty: it has none.
func branchIn(via []byte) []byte {
	first, _, _ := bytes.Cut(via, []byte(","))
	for len(first) > 0 {
		var p []byte
		_, first, _ = bytes.Cut(first, []byte(";"))
		p, _, _ = bytes.Cut(first, []byte(";"))
		if name, value, _ := bytes.Cut(p, []byte("=")); bytes.EqualFold(bytes.TrimSpace(name), []byte("branch")) {
			return bytes.TrimSpace(value)
		}
	}
	return nil
}

// rawOf is as much of a request as its key needs.
func rawOf(req *sipmsg.Request) raw {
	m := raw{method: []byte(req.Method), callID: []byte(req.CallID().Value())}
	m.via = []byte(";branch=" + branchOf(req))
	m.cseq = []byte(strconv.Itoa(int(req.CSeq().SeqNo)) + " " + string(req.CSeq().MethodName))
	return m
}
