package matrix

import (
	"context"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/event"

	"roomline/signalling"
	"roomline/signalling/matrix/e2ee"
)

// This file holds how people and our users verify each other.

// witness has the keys that people verify, once they are open. An ordinary
// account that logs in anew has others then. Its zero value is ready.
type witness struct {
	mu       sync.Mutex // guards what follows
	devices  *e2ee.Devices
	verifier *e2ee.Verifier
	begun    bool // the client has started
	ended    bool
	gone     sync.WaitGroup // verifiers of keys that were let go
}

// hold takes keys that were just opened, and lets those before go.
func (w *witness) hold(devices *e2ee.Devices, v *e2ee.Verifier) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old := w.verifier; old != nil {
		w.gone.Go(func() { _ = old.Close() }) // which cannot fail; awaited by close
	}
	w.devices, w.verifier = devices, v
	if w.begun && !w.ended {
		v.Start()
	}
}

// begin has verifications heard.
func (w *witness) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = true
	if w.verifier != nil && !w.ended {
		w.verifier.Start()
	}
}

// keys are nil before there are any.
func (w *witness) keys() (*e2ee.Devices, *e2ee.Verifier) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.devices, w.verifier
}

// close ends every verification.
func (w *witness) close() {
	w.mu.Lock()
	w.ended = true
	v := w.verifier
	w.mu.Unlock()
	if v != nil {
		_ = v.Close()
	}
	w.gone.Wait()
}

// attest has the owners of keys that were just opened be verified.
func (c *Client) attest(devices *e2ee.Devices) {
	say := func(ctx context.Context, ours, room, eventType string, content any) (string, error) {
		return c.say(ctx, ours, room, &utterance{eventType: eventType, content: content, txn: newCallID()})
	}
	may := func(user string) bool { return c.may.May(user, signalling.Receive) }
	c.witness.hold(devices, devices.Verifier(say, may, c.attested, c.log))
}

// vouched takes an event of a verification in a room, and tells whether it is
// one. matrix-js-sdk sends them in clear, in encrypted rooms too; what is
// proved by them does not rest on who could have written them. Only intake
// calls it.
func (c *Client) vouched(e *event.Event) bool {
	if !e2ee.VerifyEvent(e.Type.Type, e.Content.VeryRaw) {
		return false
	}
	_, v := c.witness.keys()
	if v != nil && !c.own(e.Sender.String()) && c.fresh(e.ID.String()) {
		v.Hear("", e)
	}
	return true
}

// attested tells the room how far a verification has come. It does not wait.
func (c *Client) attested(v e2ee.Verification) {
	text := ""
	switch {
	case v.Room == "": // who asks for it by !verify is told
	case v.Stage == e2ee.Comparing:
		text = comparing(v)
	case v.Stage == e2ee.Compared && v.Master == "":
		text = "Your device is verified, but it has shown no identity of yours: set up recovery in your client, or verify that device with another one of yours, and say !verify again."
	case v.Stage == e2ee.Compared:
		text = "Verified. I know you by your keys from now on, and you know me by mine."
	case v.Stage == e2ee.Ended:
		text = "The verification has ended: " + v.Why + ". !verify begins another one."
	}
	if text != "" {
		c.outboxOf(v.Ours, v.Room).put(outgoing{eventType: typeNotice, content: noticeOut{"m.notice", text}, final: true, until: time.Now().Add(maxCommandAge)})
	}
}

// comparing says what is to be compared, and why a person has to do it here too.
func comparing(v e2ee.Verification) string {
	var b strings.Builder
	b.WriteString("Does your client show the same?\n")
	for i, e := range v.Short.Emoji {
		b.WriteString(e.Picture + " " + e.Name)
		if i < len(v.Short.Emoji)-1 {
			b.WriteString("  ")
		}
	}
	b.WriteString("\nor the numbers " + v.Short.Numbers())
	b.WriteString("\nIf it does, say so there, and say !verify yes here: I have no eyes to compare with. If it does not, say !verify no.")
	return b.String()
}
