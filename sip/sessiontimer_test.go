package sip

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// timed is a request or response with only the headers that matter here.
func timed(headers ...string) (*sipmsg.Request, *sipmsg.Response) {
	req := sipmsg.NewRequest(sipmsg.INVITE, sipmsg.Uri{Scheme: "sip", Host: "h"})
	res := sipmsg.NewResponse(200, "OK")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.AppendHeader(sipmsg.NewHeader(name, value))
		res.AppendHeader(sipmsg.NewHeader(name, value))
	}
	return req, res
}

func valueOf(msg sipmsg.Message, name string) string {
	var all []string
	for _, h := range msg.GetHeaders(name) {
		all = append(all, h.Value())
	}
	return strings.Join(all, "|")
}

// RFC 4028 §9, table 2, and the intervals of both ends.
func TestSessionTimerAnswers(t *testing.T) {
	const knows = "Supported: timer"
	for name, c := range map[string]struct {
		want, least int
		headers     []string
		answer      string
		require     string
	}{
		"nobody asks":                     {0, 90, nil, "", ""},
		"only we would, it does not know": {1800, 90, nil, "", ""},
		"only we would":                   {1800, 90, []string{knows}, "1800;refresher=uas", ""},
		"compact, no role":                {1800, 90, []string{"k: timer, replaces", "x: 600"}, "600;refresher=uas", ""},
		"it refreshes":                    {1800, 90, []string{knows, "Session-Expires: 600;refresher=uac"}, "600;refresher=uac", "timer"},
		"it required":                     {1800, 90, []string{"Require: timer", "Session-Expires: 600; Refresher=UAC"}, "600;refresher=uac", "timer"},
		"we are to":                       {1800, 90, []string{knows, "Session-Expires: 600;refresher=uas"}, "600;refresher=uas", ""},
		"a proxy asked":                   {1800, 90, []string{"Session-Expires: 600"}, "600;refresher=uas", ""},
		"a proxy asked for too little":    {1800, 90, []string{"Session-Expires: 60"}, "", ""},
		"too long for us":                 {600, 90, []string{knows, "Session-Expires: 3600;refresher=uac"}, "600;refresher=uac", "timer"},
		"not below its least":             {600, 90, []string{knows, "Session-Expires: 3600;refresher=uac", "Min-SE: 900"}, "900;refresher=uac", "timer"},
		"ours is off":                     {0, 90, []string{knows, "Session-Expires: 3600"}, "3600;refresher=uas", ""},
		"off, and only Supported":         {0, 90, []string{knows}, "", ""},
		"over a day":                      {0, 90, []string{knows, "Session-Expires: 2000000000"}, "86400;refresher=uas", ""},
		"no number":                       {0, 90, []string{knows, "Session-Expires: soon"}, "", ""},
		"twice":                           {0, 90, []string{knows, "Session-Expires: 600", "x: 700"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := session{want: c.want, least: c.least, unit: time.Second}
			req, _ := timed(c.headers...)
			_, res := timed()
			s.answer(req, res)
			if got := valueOf(res, "session-expires"); got != c.answer {
				t.Errorf("answered %q, want %q", got, c.answer)
			}
			if got := valueOf(res, "require"); got != c.require {
				t.Errorf("Require %q, want %q", got, c.require)
			}
			if running := s.timer != nil; running != (c.answer != "") {
				t.Errorf("a timer runs: %t", running)
			}
			s.stop()
		})
	}
}

func TestSessionTimerTooSmall(t *testing.T) {
	s := session{want: 1800, least: 120}
	for _, c := range []struct {
		headers []string
		status  int
	}{
		{[]string{"Supported: timer", "Session-Expires: 119"}, 422},
		{[]string{"Supported: timer", "Session-Expires: 120"}, 0},
		{[]string{"Session-Expires: 100"}, 0}, // a proxy's wish; the caller would not understand
		{nil, 0},
	} {
		req, _ := timed(c.headers...)
		r := s.judge(req)
		if r.status != c.status || r.status != 0 && r.headers[0].Value() != "120" {
			t.Errorf("%v: %+v", c.headers, r)
		}
	}
}

// RFC 4028 §7.3: a 422 is asked again with what it names, not for ever.
func TestSessionTimerAsksForMore(t *testing.T) {
	s := session{want: 600, least: 90, unit: time.Second}
	_, res := timed("Min-SE: 900")
	if s.tooSmall(res) {
		t.Error("a 200 is no 422")
	}
	res.StatusCode = 422
	if !s.tooSmall(res) || s.tooSmall(res) {
		t.Error("once for each step, and only for more")
	}
	req, _ := timed()
	s.ask(req)
	if valueOf(req, "session-expires") != "900" || valueOf(req, "min-se") != "900" || valueOf(req, "supported") != supportedList {
		t.Errorf("asked for\n%s", req)
	}
	for i := 2; i <= maxTooSmall; i++ {
		_, res := timed("Min-SE: " + strings.Repeat("9", i+2))
		res.StatusCode = 422
		if want := i+2 < 5; s.tooSmall(res) != want { // 99999 is over a day
			t.Errorf("%d: want %t", i, want)
		}
	}
	_, res = timed()
	res.StatusCode = 422
	if s.tooSmall(res) {
		t.Error("a 422 without Min-SE says nothing")
	}
	off := session{}
	req, _ = timed()
	if off.ask(req); valueOf(req, "session-expires") != "" || off.tooSmall(res) {
		t.Error("off is off")
	}
}

func TestSessionTimerWaits(t *testing.T) {
	for _, c := range []struct {
		header string
		wait   time.Duration
		asks   string
	}{
		{"Session-Expires: 1800;refresher=uac", 900 * time.Second, "1800;refresher=uac"},
		{"Session-Expires: 1800", 900 * time.Second, "1800;refresher=uac"},
		{"Session-Expires: 1800;refresher=uas", 1768 * time.Second, "1800;refresher=uas"},
		{"Session-Expires: 90;refresher=uas", 60 * time.Second, "90;refresher=uas"},
		{"Nothing: 1", 0, "600"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := session{want: 600, least: 90, unit: time.Second}
			_, res := timed(c.header)
			s.answered(res)
			begun := time.Now()
			if c.wait > 0 {
				<-s.due()
			} else if s.due() != nil {
				t.Error("a timer runs that nobody agreed to")
			}
			if got := time.Since(begun); got != c.wait {
				t.Errorf("%s: due after %v, want %v", c.header, got, c.wait)
			}
			req, _ := timed()
			if s.ask(req); valueOf(req, "session-expires") != c.asks {
				t.Errorf("%s: then asks for %s", c.header, valueOf(req, "session-expires"))
			}
			s.later()
			if c.wait > 0 && s.ours {
				<-s.due() // another attempt
			}
			s.stop()
		})
	}
}

// The timer is turned off within a call by a 2xx without it (RFC 4028 §7.2).
func TestSessionTimerEnds(t *testing.T) {
	s := session{want: 600, least: 90, unit: time.Second}
	_, res := timed("Session-Expires: 600;refresher=uac")
	s.answered(res)
	_, res = timed()
	if s.answered(res); s.due() != nil || s.agreed != 0 {
		t.Error("the timer goes on")
	}
}

// A far end keeps the role it has where its request leaves it open.
func TestSessionTimerRolesStay(t *testing.T) {
	s := session{want: 600, least: 90, unit: time.Second}
	_, res := timed("Session-Expires: 600;refresher=uas")
	s.answered(res)
	req, _ := timed("Supported: timer", "Session-Expires: 600")
	_, res = timed()
	if s.answer(req, res); valueOf(res, "session-expires") != "600;refresher=uac" {
		t.Errorf("answered %s", valueOf(res, "session-expires"))
	}
	s.stop()
}
