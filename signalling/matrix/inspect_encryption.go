package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
)

const (
	aboutEncryption = "encryption"
	enabledFix      = "Put these lines into homeserver.yaml (Synapse), beside what is there, and restart it:\n"
	// noDevicesFix is for a server name.
	noDevicesFix = `Dendrite cannot. There, as on any homeserver, Roomline can be an ordinary account instead, and call from encrypted rooms. Make one, and put these lines into roomline.yaml under matrix, with its name and password (docs/encryption.md says more):
  account:
    user: "@telephone:%s"
    password: file:telephone.password
Synapse can. Older releases need these lines in homeserver.yaml, beside what is there, and a restart:
  experimental_features:
    msc4190_enabled: true`
	untoldFix = "Start Roomline, and look again."
)

// errNotRunning tells that nobody listens where Roomline would.
var errNotRunning = errors.New("nobody listens where Roomline would")

// encryption tells whether encrypted rooms can call, where that is wished:
// from what a gateway that runs has found, or by putting the homeserver to the
// same test.
func (i *inspection) encryption(ctx context.Context) Finding {
	switch {
	case !i.cfg.Encryption.Enabled:
		return Finding{}
	case !i.reg.EphemeralEvents || !i.reg.MSC3202 || !i.reg.MSC4190:
		return Finding{aboutEncryption, Warn, i.cfg.Registration + " was written for a gateway without encryption",
			"Run roomline registration again, give the file to the homeserver, and restart that. Its lines that matter:\n  receive_ephemeral: true\n  org.matrix.msc3202: true\n  io.element.msc4190: true"}
	}
	can, err := i.askGateway(ctx)
	if err == nil {
		return i.graded(can)
	}
	if !errors.Is(err, errNotRunning) {
		return Finding{aboutEncryption, Warn, "it could not be told whether encrypted rooms can call: " + err.Error(), untoldFix}
	}
	return i.tryAlone(ctx)
}

// askGateway asks the gateway that runs here what its test has shown; it makes
// another one first, if the last one was not passed.
func (i *inspection) askGateway(ctx context.Context) (ability, error) {
	host, port, err := net.SplitHostPort(i.cfg.Listen)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+abilityPath, nil)
	if err != nil {
		return "", err
	}
	ask.Header.Set("Authorization", "Bearer "+i.reg.ServerToken)
	client := http.Client{Timeout: i.cfg.SendTimeout + firstTest, CheckRedirect: stay, Transport: i.hs.transport}
	res, err := client.Do(ask)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "", errNotRunning
	} else if err != nil {
		return "", fmt.Errorf("ask the gateway: %w", err)
	}
	defer res.Body.Close()
	var told abilityTold
	if err := json.NewDecoder(io.LimitReader(res.Body, 1000)).Decode(&told); err != nil || res.StatusCode != http.StatusOK || told.State == "" {
		return "", fmt.Errorf("what listens at %s is not this gateway, or was started with another registration (status %d)", i.cfg.Listen, res.StatusCode)
	}
	return told.State, nil
}

// graded is the finding for what a gateway has found.
func (i *inspection) graded(can ability) Finding {
	switch can {
	case abilityOn:
		return Finding{aboutEncryption, OK, "encrypted rooms can call: devices, messages to them and the counts of their keys are all there", ""}
	case abilityNoDevices:
		return Finding{aboutEncryption, Warn, "this homeserver lets no application service have devices (MSC4190): encrypted rooms cannot call",
			fmt.Sprintf(noDevicesFix, i.cfg.Domain)}
	case abilityNoToDevice:
		return Finding{aboutEncryption, Warn, switchToDevice + " is off, or the homeserver was not restarted since roomline registration: messages to our devices do not come",
			enabledFix + indented(Switches)}
	case abilityNoCounts:
		return Finding{aboutEncryption, Warn, switchToDevice + " is on, and " + switchCounts + " is off, or the homeserver was not restarted since roomline registration",
			enabledFix + indented(Switches)}
	case abilityUnknown:
		return Finding{aboutEncryption, Warn, "the gateway runs, and has not finished its test of the homeserver", "Look again in half a minute; the gateway's log says more."}
	}
	return Finding{aboutEncryption, Warn, "the gateway that runs was started without encryption", "Restart it."}
}

// tryAlone listens in the gateway's place for as long as the test takes. What
// happens in rooms meanwhile is not taken: the homeserver brings it again once
// the gateway runs.
func (i *inspection) tryAlone(ctx context.Context) Finding {
	log := slog.New(slog.DiscardHandler)
	hs := masks{i.hs, i.hs.self().UserID.String()}
	g := newGate(deaf{}, hs, hs.bot, log)
	l := newListener(i.reg.ServerToken, http.HandlerFunc(later), log)
	l.unpack = func(body []byte) delivery { return unpack(body, func(user string) bool { return user == hs.bot }) }
	l.keep, l.batched = func(context.Context, *delivery) error { return nil }, func() {}
	l.deliver = g.hear
	if err := l.start(ctx, i.cfg.Listen); err != nil {
		return Finding{aboutEncryption, Warn, "it could not be told whether encrypted rooms can call: " + err.Error(), untoldFix}
	}
	defer l.close()
	can, err := g.probe(ctx)
	switch {
	case err != nil:
		return Finding{aboutEncryption, Warn, "it could not be told whether encrypted rooms can call: " + err.Error(), untoldFix}
	case can == abilityNoToDevice: // or the homeserver holds it back until the gateway has taken all that waits
		return Finding{aboutEncryption, Warn, "it could not be told whether " + switchToDevice + " is on: Roomline does not run, and no message came within " + (probes * probeTime).String(),
			"Start Roomline, and look again. Or make sure that these lines are in homeserver.yaml (Synapse), and that it was restarted since:\n" + indented(Switches)}
	}
	return i.graded(can)
}

// indented sets lines off from the sentence before them.
func indented(lines string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(lines), "\n", "\n  ")
}

// deaf is a vault for which nothing is.
type deaf struct{ vault }

func (deaf) ToDevice(_, _ string, _ *event.Event, done func()) { done() }
func (deaf) Counted(mautrix.OTKCount, []string)                {}

// later asks the homeserver to bring again what happened in rooms. A
// transaction without that is taken: Synapse would neither bring it again, nor
// anything else for devices before it has been taken.
func later(w http.ResponseWriter, r *http.Request) {
	var transaction struct {
		Events []json.RawMessage `json:"events"`
	}
	switch err := json.NewDecoder(r.Body).Decode(&transaction); {
	case r.Method == http.MethodPost && r.URL.Path == "/_matrix/app/v1/ping", r.Method == http.MethodPut && err == nil && len(transaction.Events) == 0:
		reply(w, struct{}{})
	default:
		mautrix.MUnknown.WithMessage("Roomline does not run; this is its check").WithStatus(http.StatusServiceUnavailable).Write(w)
	}
}
