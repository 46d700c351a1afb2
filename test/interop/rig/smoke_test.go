//go:build interop

package rig

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// The bed by itself, without the gateway: each peer hears what the other plays.

var bed *Bed

func TestMain(m *testing.M) { os.Exit(Main(m, func(b *Bed) { bed = b })) }

// directory stands where the gateway would, and says that every number is Bob's.
func directory(t *testing.T) {
	l, err := net.Listen("tcp", bed.Gateway+":"+os.Getenv("BED_AS_PORT"))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body any = map[string]any{}
		switch {
		case strings.Contains(r.URL.Path, "/thirdparty/protocol/"):
			body = map[string]any{"user_fields": []string{"m.id.phone"}, "location_fields": []string{}, "icon": "mxc://x/y", "field_types": map[string]any{},
				"instances": []any{map[string]any{"network_id": "pstn", "desc": "Telephone network", "fields": map[string]any{}}}}
		case strings.Contains(r.URL.Path, "/thirdparty/user/") && r.URL.Query().Get("m.id.phone") == "030 / 23125-606":
			body = []any{map[string]any{"userid": "@bob:" + bed.Domain, "protocol": "m.protocol.pstn", "fields": map[string]any{}}}
		case strings.Contains(r.URL.Path, "/thirdparty/"):
			body = []any{}
		}
		_ = json.NewEncoder(w).Encode(body)
	})}
	go s.Serve(l) // ends with s.Close
	t.Cleanup(func() { _ = s.Close() })
}

func TestBrowsersCallEachOther(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	directory(t)
	b, err := bed.Browser()
	ok(t, err)
	defer b.Close()
	for name, v := range map[string]struct{ alice, bob Login }{
		"version 1":                   {Login{Name: "alice", Tone: 450}, Login{Name: "bob", Tone: 600}},
		"version 0":                   {Login{Name: "alice", Tone: 450, V0: true}, Login{Name: "bob", Tone: 600, V0: true}},
		"version 0, m.call.candidate": {Login{Name: "alice", Tone: 450, V0: true, Singular: true}, Login{Name: "bob", Tone: 600}},
	} {
		t.Run(name, func(t *testing.T) {
			alice, err := b.Login(ctx, v.alice)
			ok(t, err)
			bob, err := b.Login(ctx, v.bob)
			ok(t, err)
			if v.alice.Singular {
				v.bob.Singular = true
			}
			twoHearEachOther(ctx, t, alice, bob)
			ok(t, alice.Leave(ctx))
			ok(t, bob.Leave(ctx))
		})
	}
}

func twoHearEachOther(ctx context.Context, t *testing.T, alice, bob *User) {
	began := time.Now()
	if _, err := alice.Dial(ctx, "12345", 0); err == nil || !strings.Contains(err.Error(), "nobody is found at 12345") {
		t.Errorf("an unknown number gave %v", err)
	}
	call, err := alice.Dial(ctx, "030 / 23125-606", 0)
	ok(t, err)
	rings, err := bob.WaitIncoming(ctx, alice.ID)
	ok(t, err)
	ok(t, rings.Answer(ctx, 750))
	ok(t, call.WaitState(ctx, "connected"))
	ok(t, rings.WaitState(ctx, "connected"))
	t.Logf("connected %v after dialling began", time.Since(began))
	a, err := call.Record(ctx, 2*time.Second)
	ok(t, err)
	c, err := rings.Heard(ctx)
	ok(t, err)
	for who, got := range map[string]Tone{"alice": a.Tone(750), "bob": c.Tone(450)} {
		t.Logf("%s hears %v", who, got)
		if got.Present < 1500*time.Millisecond {
			t.Errorf("%s does not hear the other", who)
		}
	}
	s, err := call.Stats(ctx)
	ok(t, err)
	t.Logf("%s -> %s %s received %d lost %d", s.Local, s.Remote, s.Codec, s.Received, s.Lost)
	ok(t, call.Hangup(ctx))
	ok(t, rings.WaitState(ctx, "ended"))
	list, err := bob.Timeline(ctx, call.Room)
	ok(t, err)
	var kinds []string
	for _, e := range list {
		kinds = append(kinds, strings.TrimPrefix(e.Type, "m.call."))
	}
	t.Log(strings.Join(kinds, " "))
}

// Asterisk calls itself over SIP: one phone plays 1000 Hz and hears 450, the other the reverse.
func TestPhonesHearEachOther(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	caller, err := bed.Originate(ctx, Call{To: "+493023125606", From: "+493023125850", Do: "450", Via: "self"})
	ok(t, err)
	called, err := bed.WaitCall(ctx, "+493023125606")
	ok(t, err)
	_, err = caller.WaitAnswered(ctx)
	ok(t, err)
	if got := called.Caller(); got != "+493023125850" {
		t.Errorf("the caller is %q", got)
	}
	wait(t, 2*time.Second)
	ok(t, bed.HangupAll(ctx))
	for hz, p := range map[float64]*Phone{450: called, 1000: caller} {
		heard, err := p.Heard(ctx)
		ok(t, err)
		t.Log(heard.Tone(hz))
		if got := heard.Tone(hz); got.Present < 1500*time.Millisecond || got.Gaps > 0 {
			t.Errorf("%v was heard", got)
		}
	}
	if n := bed.Live(); n != 0 {
		t.Errorf("%d channels are left", n)
	}
}

func TestPhonesPressDigits(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	caller, err := bed.Originate(ctx, Call{To: "+493023125614", Do: "record", Via: "self"})
	ok(t, err)
	heard, err := caller.WaitDigits(ctx, 16)
	ok(t, err)
	var keys []byte
	for _, d := range heard {
		keys = append(keys, d.Key)
	}
	if string(keys) != "0123456789*#ABCD" {
		t.Errorf("heard %q", keys)
	}
	_, cause, err := caller.WaitEnded(ctx)
	ok(t, err)
	if cause != 16 {
		t.Errorf("ended with cause %d", cause)
	}
}

func TestStatuses(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for number, want := range map[string]struct {
		cause  int
		status string
	}{
		"+493023125486": {17, "486"}, "+493023125404": {1, "404"}, "+493023125503": {34, "503"}, "+493023125480": {19, "480"},
		"+4930231259603": {21, "603"}, "+493023125610": {17, "486"},
	} {
		from := bed.Mark()
		caller, err := bed.Originate(ctx, Call{To: number, Via: "self"})
		ok(t, err)
		_, cause, err := caller.WaitEnded(ctx)
		ok(t, err)
		lines, err := bed.SIP(from, number)
		ok(t, err)
		if got := strings.Join(lines, ", "); cause != want.cause || !strings.Contains(got, "< "+want.status) {
			t.Errorf("%s: cause %d: %s", number, cause, got)
		}
	}
}

func wait(t *testing.T, d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
