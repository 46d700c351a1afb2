package matrix

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"roomline/signalling/matrix/e2ee"
)

// This file holds how the homeserver is put to the test.

// try tests the homeserver, unless that was done a moment ago and nobody asks for
// it; anew tells that it was away, and may be another than before. Only watch calls it.
func (g *gate) try(ctx context.Context, anew bool) {
	g.mu.Lock()
	was, due := g.state, anew || g.asked || g.state == abilityUnknown || g.state.missing() && time.Since(g.tested) >= probeAgain
	g.asked = false
	g.mu.Unlock()
	if anew && g.late != nil {
		g.late.forget()
	}
	if v, ok := g.vault.(interface{ Doubt() }); ok && anew { // changes of devices were lost, too
		v.Doubt()
	}
	if !due {
		return
	}
	now, err := g.probe(ctx)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		g.log.Warn("could not test whether the homeserver can do encryption", "error", err)
		return
	}
	g.found(now)
	switch {
	case now == was:
	case now == abilityOn:
		g.log.Info("encrypted rooms can call")
		if err := g.Ensure(ctx, g.bot); err != nil {
			g.log.Warn("the bot has no device yet", "error", err)
		}
	default:
		g.log.Warn("encrypted rooms cannot call; roomline check says what to do", "state", string(now), "why", now.need())
	}
}

// probe lets the bot send itself a message, and looks for it and for the
// counts of its keys in what the homeserver brings.
func (g *gate) probe(ctx context.Context) (ability, error) {
	if err := g.test.prepare(ctx); permanent(err) {
		return abilityNoDevices, nil
	} else if err != nil {
		return "", err
	}
	nonce, arrived, counts := rand.Text(), make(chan struct{}), make(chan struct{})
	g.mu.Lock()
	g.nonce, g.arrived, g.counts = nonce, arrived, counts
	g.mu.Unlock()
	for range probes {
		if err := g.test.send(ctx, nonce); permanent(err) {
			return abilityNoToDevice, nil
		} else if err != nil {
			return "", err
		}
		if !happens(ctx, arrived, probeTime) {
			continue
		}
		if !happens(ctx, counts, countTime) {
			return abilityNoCounts, nil
		}
		return abilityOn, nil
	}
	return abilityNoToDevice, nil
}

// unlock opens the keys of our users, behind a gate, if they are wished. An
// ordinary account needs no gate: it asks the homeserver itself for all that
// this one waits for.
func (c *Client) unlock(ctx context.Context) error {
	if !c.cfg.Encryption.Enabled || c.ordinary() {
		return nil
	}
	hs := masks{c.hs, c.bot()}
	if c.vault == nil {
		devices, err := c.openKeys(ctx, hs, nil)
		if err != nil {
			return err
		}
		c.vault = devices
	}
	g := newGate(c.vault, hs, c.bot(), c.log)
	if v, ok := c.vault.(interface{ Device(user string) string }); ok {
		g.late = &arrears{page: hs.kept, device: v.Device, take: c.vault.ToDevice, log: c.log, asked: map[string]time.Time{}}
	}
	c.vault = g
	return nil
}

// openKeys opens the keys of our users, or of the account that we are.
func (c *Client) openKeys(ctx context.Context, hs e2ee.Homeserver, account *e2ee.Account) (*e2ee.Devices, error) {
	own := c.cfg.Encryption
	devices, err := e2ee.New(ctx, e2ee.Config{Policy: own.Devices, PickleKey: own.PickleKey, Confirmed: own.Confirmed,
		Name: c.cfg.Account.DeviceName, Account: account}, c.db, c.store.state, hs, c.log)
	if err != nil {
		return nil, fmt.Errorf("matrix encryption: %w", err)
	}
	c.attest(devices)
	return devices, nil
}

// happens waits until something is closed, and tells whether it was in time.
func happens(ctx context.Context, closed <-chan struct{}, in time.Duration) bool {
	timer := time.NewTimer(in)
	defer timer.Stop()
	select {
	case <-closed:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// masks is the client-server API as the devices of our users see it. It
// implements e2ee.Homeserver, and tester for the bot.
type masks struct {
	hs  *homeserver
	bot string
}

// Client speaks as one of our users from one of its devices (MSC4326).
func (m masks) Client(user, device string) *mautrix.Client {
	client := m.hs.user(user)
	client.DeviceID, client.SetAppServiceDeviceID = id.DeviceID(device), true
	return client
}

// MakeDevice makes a device of one of our users exist (MSC4190).
func (m masks) MakeDevice(ctx context.Context, user, device, name string) error {
	client := m.hs.user(user)
	_, err := client.MakeRequest(ctx, http.MethodPut, client.BuildClientURL("v3", "devices", device), &mautrix.ReqPutDevice{DisplayName: name}, nil)
	if err != nil {
		return fmt.Errorf("make a device of %s: %w", user, err)
	}
	return nil
}

func (m masks) prepare(ctx context.Context) error {
	if err := m.hs.register(ctx, m.bot); err != nil {
		return err
	}
	return m.MakeDevice(ctx, m.bot, probeDevice, probeName)
}

// send is of Matrix 1.18, "PUT /sendToDevice/{eventType}/{txnId}".
func (m masks) send(ctx context.Context, nonce string) error {
	client := m.hs.user(m.bot)
	_, err := client.MakeRequest(ctx, http.MethodPut, client.BuildClientURL("v3", "sendToDevice", typeProbe, rand.Text()),
		map[string]any{"messages": map[string]any{m.bot: map[string]any{probeDevice: map[string]string{"nonce": nonce}}}}, nil)
	if err != nil {
		return fmt.Errorf("send a message to a device: %w", err)
	}
	return nil
}
