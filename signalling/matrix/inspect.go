package matrix

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/appservice"
)

// Grade is how grave a finding is.
type Grade string

// The grades.
const (
	OK   Grade = "ok"
	Warn Grade = "warn" // calls are possible, but something is missing
	Fail Grade = "FAIL" // no call is possible
)

// Finding is one thing that was looked at on the live homeserver.
type Finding struct {
	About  string `json:"about"` // what was looked at, in a few words
	Grade  Grade  `json:"grade"`
	Reason string `json:"reason"`        // what was found
	Fix    string `json:"fix,omitempty"` // exactly what to do about it; empty when all is well
}

// Findings are what Inspect found, in the order in which it looked.
type Findings []Finding

// Worst is the gravest grade among them.
func (f Findings) Worst() Grade {
	worst := OK
	for _, one := range f {
		if one.Grade == Fail || worst == OK {
			worst = one.Grade
		}
		if worst == Fail {
			break
		}
	}
	return worst
}

// Inspect asks the live homeserver whether it knows us, reaches us, and gives
// browsers what they need for calls. It changes nothing there but,
// where encryption is wished, for a device of the bot that has no keys; it stops at the
// first thing without which the rest makes no sense.
func Inspect(ctx context.Context, cfg Config) Findings {
	cfg.Defaults()
	if cfg.Account.given() {
		return inspectAccount(ctx, cfg)
	}
	reg, err := LoadRegistration(cfg.Registration)
	if err != nil {
		return Findings{{"registration", Fail, err.Error(), "Write it: roomline registration -c FILE, and give it to the homeserver."}}
	}
	hs, err := newHomeserver(cfg, reg, nil)
	if err != nil {
		return Findings{{"registration", Fail, err.Error(), ""}}
	}
	defer hs.close()
	i := &inspection{hs: hs, cfg: cfg, reg: reg}
	var all Findings
	for _, look := range []func(context.Context) Finding{i.versions, i.token, i.ping, i.relay, i.dialPad, i.doublePuppet, i.encryption} {
		f := look(ctx)
		if f.About != "" {
			all = append(all, f)
		}
		if f.Grade == Fail && (f.About == "homeserver" || f.About == "registration") {
			break
		}
	}
	return all
}

type inspection struct {
	hs      *homeserver
	cfg     Config
	reg     *appservice.Registration
	reached bool // by the homeserver
}

func (i *inspection) versions(ctx context.Context) Finding {
	res, err := i.hs.self().Versions(ctx)
	switch {
	case err != nil:
		return Finding{"homeserver", Fail, fmt.Sprintf("%s does not answer: %v", i.cfg.Homeserver, err), "Is matrix.homeserver the address of the client-server API, and does the homeserver run?"}
	case len(res.Versions) == 0:
		return Finding{"homeserver", Fail, i.cfg.Homeserver + " is no Matrix homeserver: it speaks no version of the client-server API", "Set matrix.homeserver to the base URL of the client-server API, without a path."}
	}
	return Finding{"homeserver", OK, fmt.Sprintf("%s speaks Matrix up to %s", i.cfg.Homeserver, res.Versions[len(res.Versions)-1]), ""}
}

// token asks who we are (Matrix 1.18, "GET /account/whoami").
func (i *inspection) token(ctx context.Context) Finding {
	res, err := i.hs.self().Whoami(ctx)
	switch {
	case errors.Is(err, mautrix.MUnknownToken), errors.Is(err, mautrix.MForbidden), errors.Is(err, mautrix.MExclusive):
		return Finding{"registration", Fail, "the homeserver does not know the as_token of " + i.cfg.Registration,
			fmt.Sprintf("Add the file to app_service_config_files in homeserver.yaml (Dendrite: app_service_api.config_files), restart the homeserver, and check that matrix.domain (%s) is its server_name.", i.cfg.Domain)}
	case err != nil:
		return Finding{"registration", Fail, "the homeserver does not say who we are: " + err.Error(), "See the homeserver's log."}
	case server(res.UserID.String()) != i.cfg.Domain:
		return Finding{"registration", Fail, fmt.Sprintf("we are %s there, but matrix.domain is %s", res.UserID, i.cfg.Domain), "Set matrix.domain to " + server(res.UserID.String()) + ", and run roomline registration again."}
	case res.UserID != i.hs.self().UserID:
		return Finding{"registration", Warn, fmt.Sprintf("we are %s there, but matrix.bot is %s", res.UserID, i.cfg.Bot), "Run roomline registration again, and restart the homeserver."}
	}
	return Finding{"registration", OK, fmt.Sprintf("known; we are %s", res.UserID), ""}
}

// ping lets the homeserver ask us, which says something only while Roomline runs.
func (i *inspection) ping(ctx context.Context) Finding {
	err := i.hs.ping(ctx)
	if err != nil {
		return Finding{"connection to us", Warn, err.Error(),
			fmt.Sprintf("If Roomline runs: set matrix.url to an address at which the homeserver reaches it (now %s), run roomline registration again, and restart the homeserver. If it does not: start it.", i.cfg.url())}
	}
	i.reached = true
	return Finding{"connection to us", OK, "the homeserver reaches Roomline at " + i.cfg.url(), ""}
}

const relayFix = `Without a relay, calls fail for whoever is behind a strict NAT or firewall. Put into homeserver.yaml (Dendrite: under client_api.turn), and restart it:
  turn_uris: ["turn:turn.example.org:3478?transport=udp", "turn:turn.example.org:3478?transport=tcp"]
  turn_shared_secret: "the secret of the TURN server"
  turn_user_lifetime: 1h`

// relay asks what browsers are told (Matrix 1.18, "GET /voip/turnServer").
func (i *inspection) relay(ctx context.Context) Finding {
	res, err := i.hs.self().TurnServer(ctx)
	switch {
	case err != nil:
		return Finding{"relay (TURN)", Warn, "the homeserver does not say which relay browsers get: " + err.Error(), relayFix}
	case len(res.URIs) == 0:
		return Finding{"relay (TURN)", Warn, "browsers get no relay: /voip/turnServer is empty", relayFix}
	case !slices.ContainsFunc(res.URIs, func(u string) bool { return strings.HasPrefix(u, "turn:") || strings.HasPrefix(u, "turns:") }):
		return Finding{"relay (TURN)", Warn, "browsers get no relay, only " + strings.Join(res.URIs, ", "), relayFix}
	case res.Username == "" || res.Password == "":
		return Finding{"relay (TURN)", Warn, "browsers get a relay without a credential", `Set turn_shared_secret (or turn_username and turn_password) in homeserver.yaml, and restart it.`}
	case res.TTL < 600:
		return Finding{"relay (TURN)", Warn, fmt.Sprintf("the relay's credential lives for %d s, less than many calls", res.TTL), "Set turn_user_lifetime: 1h in homeserver.yaml, and restart it."}
	}
	return Finding{"relay (TURN)", OK, "browsers get " + strings.Join(res.URIs, ", "), ""}
}

// dialPad asks what clients ask before they show one (Matrix 1.18, "GET
// /thirdparty/protocols").
func (i *inspection) dialPad(ctx context.Context) Finding {
	if !i.reached {
		return Finding{"dial pad", Warn, "not looked at, because the homeserver does not reach Roomline",
			"Look again while Roomline runs. A homeserver that is asked meanwhile gets no answer from us, and Synapse remembers that for an hour."}
	}
	offered, err := offersPSTN(ctx, i.hs.self())
	switch {
	case err != nil:
		return Finding{"dial pad", Warn, "the homeserver does not list third-party protocols: " + err.Error(), "See the homeserver's log."}
	case !offered:
		return Finding{"dial pad", Warn, "clients show no dial pad: " + protocolPSTN + " is not among the third-party protocols",
			"Start Roomline, and run roomline registration if the file lacks `protocols`. Synapse remembers for an hour that nobody answered: restart it, then reload the client."}
	}
	return Finding{"dial pad", OK, "clients show a dial pad (" + protocolPSTN + ")", ""}
}

// doublePuppet asks who we are by the second registration.
func (i *inspection) doublePuppet(ctx context.Context) Finding {
	const about = "double puppet"
	p, err := newPuppets(i.cfg, i.hs, slog.New(slog.DiscardHandler))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Finding{about, Fail, err.Error(), "Write it: roomline registration --double-puppet -c FILE, and give it to the homeserver."}
	case err != nil:
		return Finding{about, Fail, err.Error(), ""}
	case p == nil:
		return Finding{}
	}
	client := i.hs.user("@" + i.cfg.Bot + puppetSuffix + ":" + i.cfg.Domain)
	client.AccessToken = p.token
	if _, err := client.Whoami(ctx); err != nil {
		return Finding{about, Warn, "the homeserver does not know the as_token of " + i.cfg.DoublePuppet + "; people have to accept invitations themselves",
			"Add the file to app_service_config_files in homeserver.yaml (Dendrite: app_service_api.config_files), and restart the homeserver."}
	}
	return Finding{about, OK, "people join their telephone rooms without being asked", ""}
}
