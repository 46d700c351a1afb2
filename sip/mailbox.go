package sip

import (
	"slices"
	"sync"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/signalling"
)

// What reaches a leg's goroutine through its mailbox: the call's intentions,
// and what the trunk says.
type (
	toRing     struct{}
	toProgress struct{ format media.Format }
	toAnswer   struct{ format media.Format }
	toShow     struct{ view signalling.View }
	toDigit    struct{ digit byte }
	toHangup   struct{ reason signalling.Reason }

	toTransfer   struct{ dest signalling.Destination }
	toTransferee struct{ reason signalling.Reason } // what became of the transfer that it asked for

	request struct { // within the dialog; tx is nil for ACK
		*sipmsg.Request
		tx *sipmsg.ServerTx
	}
	cancel      struct{ *sipmsg.Request }  // the library answers it
	anotherOkay struct{ *sipmsg.Response } // a 2xx to an INVITE that had one already
)

// maxMail is how much may wait for one leg; only a hang-up is taken past it.
const maxMail = 256

// mailbox is a leg's queue. Posting never blocks.
type mailbox struct {
	ready chan struct{}

	mu     sync.Mutex
	queue  []any
	closed bool
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

// post queues m, and tells whether it did.
func (b *mailbox) post(m any) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, must := m.(toHangup); b.closed || len(b.queue) >= maxMail && !must {
		return false
	}
	b.queue = append(b.queue, m)
	select {
	case b.ready <- struct{}{}:
	default:
	}
	return true
}

// next takes the oldest, if there is one, and keeps ready true for the rest.
func (b *mailbox) next() (any, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		return nil, false
	}
	m := b.queue[0]
	if b.queue = b.queue[1:]; len(b.queue) > 0 {
		select {
		case b.ready <- struct{}{}:
		default:
		}
	}
	return m, true
}

// cancelled tells whether a CANCEL waits.
func (b *mailbox) cancelled() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.queue, func(m any) bool { _, is := m.(cancel); return is })
}

// close takes no more, and returns what nobody read.
func (b *mailbox) close() []any {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.queue
	b.queue, b.closed = nil, true
	return left
}
