package matrix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"maunium.net/go/mautrix"
)

const aboutAccount = "account"

// accountInspection looks at a homeserver as an ordinary account. It has no
// session of the gateway's, so it logs in by itself, and out again.
type accountInspection struct {
	inspection
	a       *account
	session session
}

// inspectAccount asks whether we can log in, and what the homeserver gives to
// accounts.
func inspectAccount(ctx context.Context, cfg Config) Findings {
	hs, a, err := newAccount(cfg, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return Findings{{aboutAccount, Fail, err.Error(), ""}}
	}
	defer hs.close()
	i := &accountInspection{inspection: inspection{hs: a.bare(hs), cfg: cfg}, a: a}
	all := Findings{i.versions(ctx)}
	if all[0].Grade == Fail {
		return all
	}
	all = append(all, i.enter(ctx))
	if all[1].Grade != OK {
		return all
	}
	defer i.leave(ctx)
	a.login.now = i.session
	i.hs.access = a
	all = append(all, i.relay(ctx))
	if cfg.Encryption.Enabled {
		all = append(all, i.identity(ctx))
	}
	return all
}

// bare is a homeserver to which we have not logged in.
func (a *account) bare(h *homeserver) *homeserver {
	return &homeserver{access: unsigned{a}, transport: h.transport}
}

// unsigned is an account that speaks without its token.
type unsigned struct{ *account }

func (u unsigned) self() *mautrix.Client { return u.client(u.plain) }

// enter logs in. A login token could be used once only, and is left for the gateway.
func (i *accountInspection) enter(ctx context.Context) Finding {
	l := i.a.login
	var err error
	switch {
	case l.cfg.Token.Set():
		i.session, err = l.byToken(ctx, session{})
	case l.cfg.Password.Set():
		i.session, err = l.byPassword(ctx, session{})
	default:
		return Finding{aboutAccount, Warn, "not looked at, because login_token can be used once only", "Start Roomline: its log says whether it has logged in."}
	}
	var no hopeless
	switch {
	case errors.As(err, &no):
		return Finding{aboutAccount, Fail, string(no), "Log in with a client to see whether the account works."}
	case err != nil:
		return Finding{aboutAccount, Fail, err.Error(), "Look again later, or see the homeserver's log."}
	}
	return Finding{aboutAccount, OK, "we can log in as " + l.cfg.User, ""}
}

// leave ends a session that was made for the inspection, and its device.
func (i *accountInspection) leave(ctx context.Context) {
	if !i.a.cfg.Account.Token.Set() {
		_, _ = i.a.self().Logout(context.WithoutCancel(ctx))
	}
}

const (
	aboutIdentity = "identity"
	identityFix   = "If the account was made for Roomline: stop Roomline and run roomline identity -c FILE, with matrix.account.password set. Else log in with a client, set up recovery there, and set matrix.account.recovery_key to the key that it shows."
	signFix       = "Set matrix.account.recovery_key, or verify the device by emoji from a client that is signed in to the account."
)

// identity tells whether our devices are signed as the account's: people whose
// clients insist on that do not encrypt for them otherwise (Matrix 1.18,
// "Cross-signing"). The gateway's devices are known by their name.
func (i *accountInspection) identity(ctx context.Context) Finding {
	own, err := i.a.ownDevices(ctx)
	switch {
	case err != nil:
		return Finding{aboutIdentity, Warn, "the homeserver does not tell the account's keys: " + err.Error(), "See the homeserver's log."}
	case !own.identity:
		return Finding{aboutIdentity, Warn, "the account has no identity (cross-signing keys): nobody can see that Roomline's device is its own", identityFix}
	}
	var unsigned, signed []string
	for device, d := range own.devices {
		switch {
		case d.name != i.a.cfg.Account.deviceName():
		case d.signed:
			signed = append(signed, clean(device))
		default:
			unsigned = append(unsigned, clean(device))
		}
	}
	slices.Sort(unsigned)
	slices.Sort(signed)
	switch {
	case len(unsigned) > 0:
		return Finding{aboutIdentity, Warn, fmt.Sprintf("not signed by the account: %s (%s)", strings.Join(unsigned, ", "), i.a.cfg.Account.deviceName()), signFix}
	case len(signed) > 0:
		return Finding{aboutIdentity, OK, "signed by the account: " + strings.Join(signed, ", "), ""}
	}
	return Finding{aboutIdentity, OK, "the account has an identity; Roomline's device has no keys yet, because it was never started", ""}
}
