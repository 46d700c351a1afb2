package e2ee

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix/crypto"
)

// Whoever waits for a name gets it in the end, or gives up with its context.
func TestKeyed(t *testing.T) {
	t.Parallel()
	var k keyed
	unlock, err := k.lock(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	free, err := k.lock(t.Context(), "y")
	if err != nil {
		t.Fatal(err)
	}
	free()
	gaveUp, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.lock(gaveUp, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	got := make(chan error)
	go func() {
		again, err := k.lock(t.Context(), "x")
		if err == nil {
			again()
		}
		got <- err
	}()
	unlock()
	if err := <-got; err != nil {
		t.Error(err)
	}
	if len(k.held) != 0 {
		t.Errorf("%d names are held", len(k.held))
	}
}

// What is counted for rooms is bounded, and no room misses its renewal by that.
func TestRenewals(t *testing.T) {
	t.Parallel()
	d := &Devices{}
	d.Renew("!quiet")
	seen := map[string]uint64{"!quiet": d.renewal("!quiet"), "!never": d.renewal("!never")}
	for i := range 3 * maxRenewals {
		name := fmt.Sprint("!", i)
		before := d.renewal(name)
		if d.Renew(name); d.renewal(name) <= before {
			t.Fatalf("%s was not renewed", name)
		}
	}
	if len(d.rooms.counts) > maxRenewals {
		t.Errorf("%d rooms are counted", len(d.rooms.counts))
	}
	for name, n := range seen {
		if d.renewal(name) < n {
			t.Errorf("%s went back", name)
		}
	}
}

// Users are asked for when they have changed, when it is long ago, and seldom
// otherwise.
func TestLists(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &Devices{}
		l := &d.lists
		if l.fresh(alice) || !l.again(alice) {
			t.Error("known before anybody was asked")
		}
		l.asked(alice, l.now(), true)
		for i := range 5 {
			if got := l.again(alice); got != (i < againMax) {
				t.Errorf("asked again for the %d. time: %v", i, got)
			}
		}
		if !l.fresh(alice) {
			t.Error("not fresh")
		}
		before := l.now()
		d.Changed([]string{alice}) // while somebody asks
		l.asked(alice, before, true)
		if l.fresh(alice) || !l.again(alice) {
			t.Error("the answer is older than the change")
		}
		l.asked(alice, l.now(), false)
		if l.fresh(alice) {
			t.Error("fresh without an answer")
		}
		l.asked(alice, l.now(), true)
		<-time.After(freshTime - time.Second)
		if !l.fresh(alice) {
			t.Error("forgotten too early")
		}
		<-time.After(2 * time.Second)
		if l.fresh(alice) || !l.again(alice) {
			t.Error("not asked for after a while")
		}
		before = l.now()
		d.Doubt()
		if l.asked(alice, before, true); l.fresh(alice) {
			t.Error("the answer is older than the doubt")
		}
		for i := range maxKnown + 10 {
			d.Changed([]string{fmt.Sprint("@", i)})
		}
		if len(l.known) > maxKnown {
			t.Errorf("%d users are known", len(l.known))
		}
	})
}

// Errors of the library are warnings, not more than one a second; who repeats a
// message causes none.
func TestSpeaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		z := speaker(slog.New(slog.NewTextHandler(&out, nil)))
		z.Error().Err(crypto.ErrDuplicateMessage).Msg("one")
		z.Debug().Str("ciphertext", "canary").Msg("two")
		z.Warn().Msg("three")
		for range 5 {
			z.Error().Err(errors.New("broken")).Str("ciphertext", "canary").Msg("four")
		}
		<-time.After(time.Second)
		z.Error().Msg("five")
		if got := out.String(); strings.Count(got, "level=WARN") != 2 || !strings.Contains(got, "four") || !strings.Contains(got, "broken") ||
			!strings.Contains(got, "five") || strings.Contains(got, "canary") {
			t.Errorf("it says\n%s", got)
		}
	})
}
