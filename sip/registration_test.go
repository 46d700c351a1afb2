package sip

import (
	"testing"
	"time"
)

// Every phase meets everything that can happen to a registration.
func TestRegistrationTable(t *testing.T) {
	asking := registration{phase: regAsking, word: regNever, wish: time.Hour}
	bound := registration{phase: regResting, word: regRegistered, wish: time.Hour, bound: true}
	leaving := registration{phase: regLeaving, word: regRegistered, wish: time.Hour, bound: true}
	left := registration{phase: regLeft, word: regEnded, wish: time.Hour}
	proved := asking
	proved.proved = true
	raised := asking
	raised.raised = true
	redirected := asking
	redirected.redirected = true
	reply := func(status int) regEvent { return regEvent{kind: regReply, status: status, phrase: "Words"} }
	ok := regEvent{kind: regReply, status: 200, granted: 100 * time.Second}
	nonce := regEvent{kind: regReply, status: 401, proof: true}
	for name, c := range map[string]struct {
		from    registration
		event   regEvent
		phase   regPhase
		word    string
		ask     bool
		leave   bool
		wait    time.Duration
		nothing bool // it is as it was
	}{
		"begins":                              {from: registration{word: regNever, wish: time.Hour}, event: regEvent{kind: regDue}, phase: regAsking, word: regNever, ask: true},
		"moves before it is registered":       {from: registration{word: regNever, wish: time.Hour}, event: regEvent{kind: regMoved}, nothing: true},
		"moves":                               {from: bound, event: regEvent{kind: regMoved}, phase: regAsking, word: regRegistered, ask: true},
		"is refreshed":                        {from: bound, event: regEvent{kind: regDue}, phase: regAsking, word: regRegistered, ask: true},
		"an answer to nothing":                {from: bound, event: reply(200), nothing: true},
		"silence after nothing":               {from: bound, event: regEvent{kind: regSilence}, nothing: true},
		"due while asking":                    {from: asking, event: regEvent{kind: regDue}, nothing: true},
		"moves while asking":                  {from: asking, event: regEvent{kind: regMoved}, nothing: true},
		"is granted":                          {from: asking, event: ok, phase: regResting, word: "registered", wait: 80 * time.Second},
		"is granted nothing":                  {from: asking, event: reply(200), phase: regResting, word: "failed: 200 without a binding of ours", wait: 30 * time.Second},
		"a challenge":                         {from: asking, event: nonce, phase: regAsking, word: regNever, ask: true},
		"F15: a challenge after our password": {from: proved, event: regEvent{kind: regReply, status: 401, why: "wrong password"}, phase: regResting, word: "failed: 401 wrong password", wait: 30 * time.Second},
		"no password":                         {from: asking, event: regEvent{kind: regReply, status: 407, why: "no password is configured"}, phase: regResting, word: "failed: 407 no password is configured", wait: 30 * time.Second},
		"F15: 403 after our password":         {from: proved, event: reply(403), phase: regResting, word: "failed: 403 wrong password", wait: 30 * time.Second},
		"403 before it":                       {from: asking, event: reply(403), phase: regResting, word: "failed: 403 Words", wait: 30 * time.Second},
		"404":                                 {from: asking, event: reply(404), phase: regResting, word: "failed: 404 unknown account", wait: 30 * time.Second},
		"F15: 423":                            {from: asking, event: regEvent{kind: regReply, status: 423, least: 2 * time.Hour}, phase: regAsking, word: regNever, ask: true},
		"423 again":                           {from: raised, event: regEvent{kind: regReply, status: 423, least: 2 * time.Hour}, phase: regResting, word: "failed: 423 wants a registration of another length", wait: 30 * time.Second},
		"423 without Min-Expires":             {from: asking, event: reply(423), phase: regResting, word: "failed: 423 wants a registration of another length", wait: 30 * time.Second},
		"423 of a month":                      {from: asking, event: regEvent{kind: regReply, status: 423, least: 720 * time.Hour}, phase: regResting, word: "failed: 423 wants a registration of another length", wait: 30 * time.Second},
		"302 within the trunk":                {from: asking, event: regEvent{kind: regReply, status: 302, follow: true}, phase: regAsking, word: regNever, ask: true},
		"302 again":                           {from: redirected, event: regEvent{kind: regReply, status: 302, follow: true}, phase: regResting, word: "failed: 302 leads to a place that is not the trunk's", wait: 30 * time.Second},
		"302 to a stranger":                   {from: asking, event: reply(302), phase: regResting, word: "failed: 302 leads to a place that is not the trunk's", wait: 30 * time.Second},
		"500":                                 {from: asking, event: reply(500), phase: regResting, word: "failed: 500 Words", wait: 4 * time.Second},
		"503 with Retry-After":                {from: asking, event: regEvent{kind: regReply, status: 503, phrase: "Busy", after: time.Minute}, phase: regResting, word: "failed: 503 Busy", wait: time.Minute},
		"503 with a week's Retry-After":       {from: asking, event: regEvent{kind: regReply, status: 503, phrase: "Busy", after: 168 * time.Hour}, phase: regResting, word: "failed: 503 Busy", wait: 30 * time.Minute},
		"603":                                 {from: asking, event: reply(603), phase: regResting, word: "failed: 603 Words", wait: 30 * time.Second},
		"silence":                             {from: asking, event: regEvent{kind: regSilence}, phase: regResting, word: "unreachable", wait: 4 * time.Second},
		"leaves before it began":              {from: registration{word: regNever}, event: regEvent{kind: regLeave}, phase: regLeft, word: "not registered"},
		"leaves while asking":                 {from: asking, event: regEvent{kind: regLeave}, phase: regLeaving, word: regNever, leave: true},
		"leaves":                              {from: bound, event: regEvent{kind: regLeave}, phase: regLeaving, word: regRegistered, leave: true},
		"leaves twice":                        {from: leaving, event: regEvent{kind: regLeave}, nothing: true},
		"due while leaving":                   {from: leaving, event: regEvent{kind: regDue}, nothing: true},
		"moves while leaving":                 {from: leaving, event: regEvent{kind: regMoved}, nothing: true},
		"a challenge while leaving":           {from: leaving, event: nonce, phase: regLeaving, word: regRegistered, leave: true},
		"refused while leaving":               {from: leaving, event: reply(403), phase: regLeft, word: "not registered"},
		"has left":                            {from: leaving, event: reply(200), phase: regLeft, word: "not registered"},
		"silence while leaving":               {from: leaving, event: regEvent{kind: regSilence}, phase: regLeft, word: "not registered"},
		"due after it left":                   {from: left, event: regEvent{kind: regDue}, nothing: true},
		"moves after it left":                 {from: left, event: regEvent{kind: regMoved}, nothing: true},
		"an answer after it left":             {from: left, event: ok, nothing: true},
		"silence after it left":               {from: left, event: regEvent{kind: regSilence}, nothing: true},
		"leaves after it left":                {from: left, event: regEvent{kind: regLeave}, nothing: true},
	} {
		got, do := c.from.step(c.event)
		if c.nothing {
			if got != c.from || do != (regAction{}) {
				t.Errorf("%s: became %+v and does %+v", name, got, do)
			}
			continue
		}
		if got.phase != c.phase || got.word != c.word || do != (regAction{c.ask, c.leave, c.wait}) {
			t.Errorf("%s: %+v, does %+v", name, got, do)
		}
	}
}

// F15: who says no is asked again after 30 s, then ever later, up to 30 minutes.
func TestRegistrationBacksOff(t *testing.T) {
	for _, chance := range []float64{0, 0.999} {
		for name, c := range map[string]struct {
			event       regEvent
			least, most time.Duration
		}{
			"403":     {regEvent{kind: regReply, status: 403, chance: chance}, 30 * time.Second, 30 * time.Minute},
			"silence": {regEvent{kind: regSilence, chance: chance}, 4 * time.Second, 2 * time.Minute},
		} {
			r, last := registration{wish: time.Hour}, time.Duration(0)
			for i := range 100 {
				var do regAction
				r, _ = r.step(regEvent{kind: regDue})
				if r, do = r.step(c.event); do.wait < last || do.wait < c.least || do.wait > c.most {
					t.Fatalf("%s: waits %s after %s at attempt %d", name, do.wait, last, i)
				}
				last = do.wait
			}
			if last != c.most {
				t.Errorf("%s: waits %s in the end", name, last)
			}
			r, _ = r.step(regEvent{kind: regDue})
			if r, _ = r.step(regEvent{kind: regReply, status: 200, granted: time.Hour}); r.failures != 0 {
				t.Errorf("%s: the failures before a success still count", name)
			}
		}
	}
}

func TestRefreshComesBeforeTheEnd(t *testing.T) {
	for _, c := range []struct {
		chance float64
		want   time.Duration
	}{{0, 48 * time.Minute}, {0.5, 51 * time.Minute}, {1, 54 * time.Minute}} {
		if got := refresh(time.Hour, c.chance); got != c.want {
			t.Errorf("refresh after %s, want %s", got, c.want)
		}
	}
	if got := refresh(time.Second, 0); got != time.Second {
		t.Errorf("a second's registration is refreshed after %s", got)
	}
}
