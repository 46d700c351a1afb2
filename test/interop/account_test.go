//go:build interop

package interop

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// resident is a scene whose gateway is an ordinary account, in one room with alice.
type resident struct {
	*scene
	owner  rig.Session // the account, where its owner is logged in to it
	secret bool        // the room is encrypted
}

// openAccount makes an account and alice's room for it, and starts a gateway
// that logs in to the account. One number rings the room, the other one alice.
// more is what the account's section of the configuration has besides.
func openAccount(t *testing.T, w with, name, more string) *resident {
	t.Helper()
	w.limit = 2 * time.Minute
	r := &resident{scene: begin(t, &w), secret: w.login.Crypto}
	var err error
	r.owner, err = bed.Account(r.ctx, name)
	ok(t, err)
	r.enter(w)
	create, enabled := r.alice.CreateRoom, ""
	if r.secret {
		create, enabled = r.alice.EncryptedRoom, "\n  encryption: {enabled: true}"
	}
	r.line, err = create(r.ctx, map[string]any{"is_direct": true}, r.owner.ID)
	ok(t, err)
	r.gateway = launch(t, w.binary, append([]string{
		"registration: " + registrationFile(), fmt.Sprintf("account: {user: %q, password: %s%s}%s", r.owner.ID, os.Getenv("BED_PASSWORD"), more, enabled),
		`user: "@alice:matrix.test"`, fmt.Sprintf("room: %q", r.line), "@bob:", "@" + w.login.Name + ":"}, w.changes...)...)
	r.until(r.ctx, "the account to accept alice's invitation", func() bool {
		members, err := r.alice.Members(r.ctx, r.line)
		ok(t, err)
		return len(members) == 2
	})
	return r
}

func someAccount() string { return "phone-" + strings.ToLower(rand.Text()[:8]) }

// TestAccount: what a telephone does, by an ordinary account.
func TestAccount(t *testing.T) {
	r := openAccount(t, with{}, someAccount(), "")
	r.says(r.line, "!dial") // it is there, and says what it can do
	r.asks()
	r.callsOut()
	r.dials()
	r.rings(did, r.line)
	r.rings("+493023125702", r.own())
	r.goesOn()
	r.idle()
}

// TestAccountCatchesUp: while the gateway was away there was a call, and more
// talk after it than the homeserver tells at once. The call is found and placed.
func TestAccountCatchesUp(t *testing.T) {
	r := openAccount(t, with{}, someAccount(), "")
	r.says(r.line, "!dial") // it is there, and says what it can do
	r.command(r.line, "!number 030 23125609", "+49 30 23125609")
	ok(t, r.Stop(r.ctx))
	r.invite(r.line, "1", time.Minute)
	for i := range 70 {
		ok(t, r.alice.Say(r.ctx, r.line, fmt.Sprint("talk ", i)))
	}
	r.start()
	phone, err := bed.WaitCall(r.ctx, "+493023125609")
	ok(t, err)
	ok(t, r.alice.Send(r.ctx, r.line, "m.call.hangup", map[string]any{"version": "1", "call_id": "vanished", "party_id": "GONE", "reason": "user_hangup"}))
	_, _, err = phone.WaitEnded(r.ctx)
	ok(t, err)
	r.idle()
}

// TestAccountEncrypted: the same as TestAccount in an encrypted room, for a
// client with Rust crypto. Nothing is left that it cannot read.
func TestAccountEncrypted(t *testing.T) {
	r := openAccount(t, with{login: rig.Login{Crypto: true}}, someAccount(), "")
	r.says(r.line, "!dial")
	r.asks()
	r.callsOut()
	r.dials()
	r.rings(did, r.line)
	r.goesOn()
	lost, err := r.alice.Unreadable(r.ctx, r.line)
	ok(t, err)
	plain, err := r.alice.Plain(r.ctx, r.line)
	ok(t, err)
	if len(lost) > 0 || len(plain) > 0 {
		t.Errorf("alice cannot read %v; not encrypted: %v", lost, plain)
	}
	r.idle()
}

// TestAccountRecoveryKey: the account's owner has a client too, and has given
// the gateway the recovery key. Its device is signed by the owner, so it is
// good enough for a client that excludes others, and no shield is shown. The
// owner's client joins the room and rings; it is told that the call was answered
// elsewhere.
func TestAccountRecoveryKey(t *testing.T) {
	name := someAccount()
	owner, err := browser.Login(t.Context(), rig.Login{Name: name, Crypto: true, Tone: bobTone})
	ok(t, err)
	t.Cleanup(func() { _ = owner.Leave(context.Background()) })
	key, err := owner.Recovery(t.Context())
	ok(t, err)
	r := openAccount(t, with{login: rig.Login{Crypto: true}}, name, fmt.Sprintf(", recovery_key: %q", key))
	ok(t, r.alice.SignedOnly(r.ctx, true))
	r.command(r.line, "!number 030 23125608", "+49 30 23125608")
	call, err := r.alice.Place(r.ctx, r.line, 0)
	ok(t, err)
	theirs, err := owner.WaitIncoming(r.ctx, r.alice.ID)
	ok(t, err)
	phone, err := bed.WaitCall(r.ctx, "+493023125608")
	ok(t, err)
	ok(t, call.WaitState(r.ctx, "connected"))
	ok(t, theirs.WaitState(r.ctx, "ended"))
	if theirs.Reason != "answered_elsewhere" {
		t.Errorf("the owner's client says %q", theirs.Reason)
	}
	r.listens("alice", call, phoneTone)
	ok(t, call.Hangup(r.ctx))
	_, _, err = phone.WaitEnded(r.ctx)
	ok(t, err)
	devices, err := r.alice.Trust(r.ctx, owner.ID)
	ok(t, err)
	if len(devices) != 2 || slices.ContainsFunc(devices, func(d rig.Trust) bool { return !d.Signed }) {
		t.Errorf("alice sees the devices %+v, want two that are signed", devices)
	}
	shields, err := r.alice.Shields(r.ctx, r.line)
	ok(t, err)
	if slices.ContainsFunc(shields, func(s rig.Shield) bool { return s.Colour != 0 }) {
		t.Errorf("alice sees shields: %+v", shields)
	}
	for _, u := range []*rig.User{r.alice, owner} {
		if lost, err := u.Unreadable(r.ctx, r.line); err != nil || len(lost) > 0 {
			t.Errorf("%s cannot read %+v (%v)", u.ID, lost, err)
		}
	}
}

// TestAccountByEmoji: the account's owner has no recovery key at hand, but a client
// that is signed in. It verifies the gateway's device; an administrator compares in
// the chat for the gateway. Then the device is signed, as anybody's client sees.
func TestAccountByEmoji(t *testing.T) {
	name := someAccount()
	owner, err := browser.Login(t.Context(), rig.Login{Name: name, Crypto: true, Tone: bobTone})
	ok(t, err)
	t.Cleanup(func() { _ = owner.Leave(context.Background()) })
	r := openAccount(t, with{login: rig.Login{Crypto: true}, changes: []string{"permissions:", "permissions:\n  " + bed.Domain + ": admin\n "}}, name, "")
	var gateway string
	r.until(r.ctx, "the gateway's device, which nobody has signed", func() bool {
		devices, err := owner.Trust(r.ctx, owner.ID)
		ok(t, err)
		i := slices.IndexFunc(devices, func(d rig.Trust) bool { return !d.Signed })
		if i >= 0 {
			gateway = devices[i].Device
		}
		return i >= 0
	})
	short, err := owner.VerifyDevice(r.ctx, owner.ID, gateway)
	ok(t, err)
	r.writes(r.line, "!verify")
	r.compares(r.line, short)
	ok(t, owner.Matches(r.ctx, true))
	r.writes(r.line, "!verify yes")
	r.hasSaid(r.line, "Noted.")
	ok(t, owner.Verified(r.ctx))
	r.until(r.ctx, "alice's client to see that both devices are signed", func() bool {
		devices, err := r.alice.Trust(r.ctx, owner.ID)
		ok(t, err)
		return len(devices) == 2 && !slices.ContainsFunc(devices, func(d rig.Trust) bool { return !d.Signed })
	})
	ok(t, r.alice.SignedOnly(r.ctx, true))
	r.command(r.line, "!number 030 23125606", "+49 30 23125606")
	call, phone := r.calls()
	r.listens("alice", call, phoneTone)
	ok(t, call.Hangup(r.ctx))
	_, _, err = phone.WaitEnded(r.ctx)
	ok(t, err)
}

// asks: a call in a room without a number is a question for one.
func (r *resident) asks() {
	t := r.t
	t.Helper()
	call, err := r.alice.Place(r.ctx, r.line, 0)
	ok(t, err)
	ok(t, call.WaitState(r.ctx, "ended"))
	r.says(r.line, "Which number?")
	if n := bed.Live(); n != 0 {
		t.Errorf("Asterisk has %d channels", n)
	}
	r.command(r.line, "!number 030 23125606", "+49 30 23125606")
}

// callsOut: a call in the room calls its number. Tones both ways, and a hold.
func (r *resident) callsOut() {
	t := r.t
	t.Helper()
	call, phone := r.calls()
	r.listens("alice", call, phoneTone)
	ok(t, call.Hold(r.ctx, true))
	_, err := call.WaitFacts(r.ctx, rig.Wanted{"holding": true, "signalling": "stable"})
	ok(t, err)
	pause(r.ctx, 2*time.Second)
	ok(t, call.Hold(r.ctx, false))
	_, err = call.WaitFacts(r.ctx, rig.Wanted{"holding": false, "signalling": "stable"})
	ok(t, err)
	r.listens("alice, after a hold,", call, phoneTone)
	ok(t, call.Hangup(r.ctx))
	_, cause, err := phone.WaitEnded(r.ctx)
	ok(t, err)
	if cause != 16 {
		t.Errorf("the phone was told cause %d, want 16", cause)
	}
	heard, err := phone.Heard(r.ctx)
	ok(t, err)
	if tone := heard.Tone(aliceTone); tone.Present < 4*time.Second || tone.Longest < 1500*time.Millisecond || tone.Longest > 3500*time.Millisecond {
		t.Errorf("the phone hears %v of %v", tone, heard.Length())
	}
	r.says(r.line, "Call to +49 30 23125606 ended after 0:0")
}

// calls places a call in the room, and waits until both can talk.
func (r *resident) calls() (*rig.RoomCall, *rig.Phone) {
	r.t.Helper()
	call, err := r.alice.Place(r.ctx, r.line, 0)
	ok(r.t, err)
	phone, err := bed.WaitCall(r.ctx, "+493023125606")
	ok(r.t, err)
	ok(r.t, call.WaitState(r.ctx, "connected"))
	return call, phone
}

// dials: any number by a command; digits are heard.
func (r *resident) dials() {
	t := r.t
	t.Helper()
	r.command(r.line, "!dial 030 23125603", "Your client rings")
	call, err := r.alice.WaitIncoming(r.ctx, "")
	ok(t, err)
	ok(t, call.Answer(r.ctx, 0))
	phone, err := bed.WaitCall(r.ctx, "+493023125603")
	ok(t, err)
	ok(t, call.WaitState(r.ctx, "connected"))
	ok(t, call.Press(r.ctx, "4711#", 120*time.Millisecond))
	if got := pressed(r.scene, phone, 5); got != "4711#" {
		t.Errorf("the phone heard %q", got)
	}
	ok(t, call.Hangup(r.ctx))
	_, _, err = phone.WaitEnded(r.ctx)
	ok(t, err)
}

// own is the telephone room that the account has made for alice.
func (r *resident) own() (room string) {
	r.t.Helper()
	r.until(r.ctx, "alice to join her telephone room", func() bool {
		rooms := slices.DeleteFunc(joined(r.scene, r.alice), func(id string) bool { return id == r.line })
		if len(rooms) == 1 {
			room = rooms[0]
		}
		return room != ""
	})
	return room
}

// rings: a telephone calls one of the numbers; alice answers in the room. While
// it rings the account is who calls; afterwards it is itself again.
func (r *resident) rings(number, room string) {
	t := r.t
	t.Helper()
	phone, err := bed.Originate(r.ctx, rig.Call{To: number, From: caller, Name: "Carol"})
	ok(t, err)
	call, err := r.alice.WaitIncoming(r.ctx, r.owner.ID)
	ok(t, err)
	if call.Room != room {
		t.Errorf("%s rings in %s, want %s", number, call.Room, room)
	}
	names, err := r.alice.Members(r.ctx, room)
	ok(t, err)
	if strings.Contains(names[r.owner.ID], "Carol") == r.secret {
		t.Errorf("it rings as %q; encrypted: %v", names[r.owner.ID], r.secret) // a name in an encrypted room would be told to the homeserver
	}
	ok(t, call.Answer(r.ctx, 0))
	ok(t, call.WaitState(r.ctx, "connected"))
	_, err = phone.WaitAnswered(r.ctx)
	ok(t, err)
	r.listens("alice", call, phoneTone)
	ok(t, phone.Hangup(r.ctx))
	ok(t, call.WaitState(r.ctx, "ended"))
	heard, err := phone.Heard(r.ctx)
	ok(t, err)
	hears(t, "the phone", heard, aliceTone, 1700*time.Millisecond)
	r.until(r.ctx, "the account to be itself again", func() bool {
		names, err := r.alice.Members(r.ctx, room)
		ok(t, err)
		return !strings.Contains(names[r.owner.ID], "Carol")
	})
	r.says(room, "Call from Carol (+49 30 23125999) ended after 0:0")
}

// goesOn: killed amid a call and started again, the gateway ends that, is the
// same device as before without its password, and calls the room's number.
func (r *resident) goesOn() {
	t := r.t
	t.Helper()
	before, err := r.owner.Devices(r.ctx)
	ok(t, err)
	if len(before) != 2 {
		t.Errorf("the account has the devices %q, want its owner's and the gateway's", before)
	}
	call, phone := r.calls()
	pause(r.ctx, 500*time.Millisecond) // what is answered is written down a moment later
	r.Kill()
	text := strings.ReplaceAll(string(read(t, r.config())), "password: "+os.Getenv("BED_PASSWORD"), "password: another-password")
	ok(t, os.WriteFile(r.config(), []byte(text), 0o600))
	r.start()
	ok(t, call.WaitState(r.ctx, "ended"))
	_, _, err = phone.WaitEnded(r.ctx)
	ok(t, err)
	again, phone := r.calls()
	r.listens("alice, after a restart,", again, phoneTone)
	ok(t, again.Hangup(r.ctx))
	_, _, err = phone.WaitEnded(r.ctx)
	ok(t, err)
	if now, err := r.owner.Devices(r.ctx); err != nil || !slices.Equal(now, before) {
		t.Errorf("the account has the devices %q (%v), had %q", now, err, before)
	}
}
