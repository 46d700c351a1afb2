package matrix

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
)

// arrears are the messages that were sent to our devices while the homeserver
// could not bring them. Synapse never brings them again (its issue 14710), but
// it keeps them for the device, until that asks like any client
// (MSC4186 with the extension of MSC3885). A key may be among them.
type arrears struct {
	page   func(ctx context.Context, user, device, since string) (pageOfMessages, error)
	device func(user string) string // empty: it has none
	take   func(user, device string, e *event.Event, done func())
	log    *slog.Logger

	mu    sync.Mutex           // guards what follows
	asked map[string]time.Time // by user
}

// pageOfMessages is a part of what the homeserver keeps for a device.
type pageOfMessages struct {
	Events []json.RawMessage `json:"events"`
	Next   string            `json:"next_batch"`
}

// slidingSync is where Synapse has MSC4186.
var slidingSync = mautrix.ClientURLPath{"unstable", "org.matrix.simplified_msc3575", "sync"}

const (
	askedAgain = time.Minute // for the same device; a key that is late by itself comes sooner
	maxAsked   = 10_000
	maxPages   = 20
	pageSize   = 100 // which is all that Synapse gives at once
)

// collect asks for what is kept for the device of a user, and returns once the
// vault has it. What it has is struck off by asking for the rest.
func (a *arrears) collect(ctx context.Context, user string) {
	device := a.device(user)
	if device == "" || !a.due(user) {
		return
	}
	since, found := "", 0
	for range maxPages {
		p, err := a.page(ctx, user, device, since)
		if err != nil {
			a.log.Debug("could not ask for messages to a device that did not come", "error", err)
			return
		}
		if len(p.Events) == 0 || !a.deliver(ctx, user, device, p.Events) {
			break
		}
		since, found = p.Next, found+len(p.Events)
	}
	if found > 0 {
		a.log.Info("asked for messages to a device that may not have come", "messages", found)
	}
}

// deliver hands over a page, and tells whether all of it was taken in time.
// What came by itself before is known to the vault, and does no harm.
func (a *arrears) deliver(ctx context.Context, user, device string, page []json.RawMessage) bool {
	taken := make(chan struct{}, len(page)) // nobody who is done ever waits
	waiting := 0
	for _, text := range page[:min(len(page), pageSize)] {
		var e *event.Event
		if len(text) > maxLetter || json.Unmarshal(text, &e) != nil || e == nil {
			continue
		}
		if l, ok := letterTo(user, device, e, string(text)); ok {
			waiting++
			a.take(user, device, l.event, func() { taken <- struct{}{} })
		}
	}
	for range waiting {
		select {
		case <-taken:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// due tells whether a user's messages were not asked for a moment ago.
func (a *arrears) due(user string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at, ok := a.asked[user]; ok && time.Since(at) < askedAgain {
		return false
	}
	if len(a.asked) >= maxAsked {
		clear(a.asked)
	}
	a.asked[user] = time.Now()
	return true
}

// forget lets everybody's messages be asked for again: the homeserver was away.
func (a *arrears) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.asked)
}

// kept asks for a page of what the homeserver keeps for a device. What is
// before since it may delete.
func (m masks) kept(ctx context.Context, user, device, since string) (pageOfMessages, error) {
	type extension struct {
		Enabled bool   `json:"enabled"`
		Limit   int    `json:"limit"`
		Since   string `json:"since,omitempty"`
	}
	var res struct {
		Extensions struct {
			ToDevice pageOfMessages `json:"to_device"`
		} `json:"extensions"`
	}
	client := m.Client(user, device)
	_, err := client.MakeRequest(ctx, http.MethodPost, client.BuildURLWithQuery(slidingSync, map[string]string{"timeout": "0"}),
		map[string]any{"conn_id": "roomline", "extensions": map[string]any{"to_device": extension{true, pageSize, since}}}, &res)
	return res.Extensions.ToDevice, err
}
