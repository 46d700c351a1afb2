package sip

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Journal keeps what must be known of answered calls to end them after a sudden
// end of the program (kill -9, power).
type Journal interface {
	// Write keeps entries, no two with one Key, in place of those with the same
	// Key, and forgets others by their keys: all of it, or nothing.
	Write(ctx context.Context, keep []Entry, forget []string) error
	// Entries are all that are kept.
	Entries(ctx context.Context) ([]Entry, error)
}

// Entry is an answered dialog, as far as a BYE in it needs (RFC 3261 §12).
type Entry struct {
	At        time.Time `json:"at"`
	Trunk     string    `json:"trunk"`
	CallID    string    `json:"call_id"`
	Local     string    `json:"local"` // From of our requests
	LocalTag  string    `json:"local_tag"`
	Remote    string    `json:"remote"` // To of our requests
	RemoteTag string    `json:"remote_tag"`
	Target    string    `json:"target"` // the far end's Contact
	Routes    []string  `json:"routes,omitempty"`
	Seq       uint32    `json:"seq"`             // CSeq of our latest request, as of At
	Network   string    `json:"network"`         // the transport: "udp", "tls"
	Listen    string    `json:"listen"`          // our address, "203.0.113.1:5060"
	Peer      string    `json:"peer"`            // that the far end's messages came from
	Realm     string    `json:"realm,omitempty"` // that took the trunk's password
}

// Key names the dialog.
func (e Entry) Key() string { return entryKey(e.CallID, e.LocalTag) }

func entryKey(callID, localTag string) string { return callID + " " + localTag }

// entry is what is kept of the dialog.
func (d *dialog) entry() Entry {
	e := Entry{At: time.Now(), Trunk: d.trunk.name, CallID: d.callID, Local: d.local.uri.String(), LocalTag: d.local.tag,
		Remote: d.remote.uri.String(), RemoteTag: d.remote.tag, Target: d.target.String(), Seq: d.localSeq,
		Network: d.listener.network, Listen: d.listener.addr.String(), Peer: d.peer.String()}
	for _, r := range d.routes {
		e.Routes = append(e.Routes, r.String())
	}
	if realm := d.trunk.proved.Load(); realm != nil {
		e.Realm = *realm
	}
	return e
}

// scribe writes the journal beside the calls, which never wait for it. What
// changes again before it is written is written once.
type scribe struct {
	journal Journal // nil: nothing is kept
	log     *slog.Logger
	ready   chan struct{}

	mu      sync.Mutex
	pending map[string]*Entry // nil: to be forgotten
}

// maxPending is how many changes may wait for a journal that cannot be written.
const maxPending = 100_000

func newScribe(j Journal, log *slog.Logger) *scribe {
	return &scribe{journal: j, log: log, ready: make(chan struct{}, 1), pending: map[string]*Entry{}}
}

func (s *scribe) keep(e Entry)      { s.note(e.Key(), &e) }
func (s *scribe) forget(key string) { s.note(key, nil) }

func (s *scribe) note(key string, e *Entry) {
	if s.journal == nil {
		return
	}
	s.mu.Lock()
	if len(s.pending) < maxPending {
		s.pending[key] = e
	}
	s.mu.Unlock()
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// gather is how long a write rests before the next: what comes meanwhile is
// written at once, in one transaction. The first after a rest does not wait.
const gather = 20 * time.Millisecond

// run writes until ctx ends. What is pending then is for flush.
func (s *scribe) run(ctx context.Context, again time.Duration) {
	for {
		select {
		case <-s.ready:
		case <-ctx.Done():
			return
		}
		for s.flush(context.WithoutCancel(ctx)) != nil {
			select {
			case <-time.After(again):
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-time.After(gather):
		case <-ctx.Done():
			return
		}
	}
}

// flush writes what is pending. Where it cannot, that stays pending.
func (s *scribe) flush(ctx context.Context) error {
	s.mu.Lock()
	batch := s.pending
	s.pending = map[string]*Entry{}
	s.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var keep []Entry
	var forget []string
	for key, e := range batch {
		if e == nil {
			forget = append(forget, key)
		} else {
			keep = append(keep, *e)
		}
	}
	err := s.journal.Write(ctx, keep, forget)
	if err == nil {
		return nil
	}
	s.log.Warn("the journal of SIP calls was not written", "error", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(batch, s.pending) // what is newer counts
	s.pending = batch
	return err
}

// revive makes a dialog of an entry, or tells that it cannot be spoken in any
// more: its trunk is gone, or the transport.
func (a *Agent) revive(e Entry) (*dialog, bool) {
	t, known := a.trunks[e.Trunk]
	peer, ok := addrPort(e.Peer)
	if !known || !ok {
		return nil, false
	}
	l := a.listenerAt(e.Network, e.Listen)
	if l == nil {
		l = a.listenerFor(e.Network, peer.Addr())
	}
	d := &dialog{agent: a, trunk: t, listener: l, peer: peer, callID: e.CallID, localSeq: e.Seq + seqMargin,
		local: party{tag: e.LocalTag}, remote: party{tag: e.RemoteTag}}
	if l == nil || parseURIs(e, d) != nil {
		return nil, false
	}
	d.host = l.hostFor(peer)
	if e.Realm != "" {
		t.proved.CompareAndSwap(nil, &e.Realm)
	}
	return d, true
}

// seqMargin is more than the requests that a dialog may have had since it was
// written down; gaps in CSeq are allowed (RFC 3261 §12.2.2).
const seqMargin = 1 << 20

func parseURIs(e Entry, d *dialog) error {
	for text, uri := range map[string]*sipmsg.Uri{e.Local: &d.local.uri, e.Remote: &d.remote.uri, e.Target: &d.target} {
		if err := sipmsg.ParseUri(text, uri); err != nil {
			return err
		}
	}
	for _, text := range e.Routes {
		var r sipmsg.Uri
		if err := sipmsg.ParseUri(text, &r); err != nil {
			return err
		}
		d.routes = append(d.routes, r)
	}
	return nil
}
