package sip

import (
	"strconv"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// maxTooSmall is how often one dialog's interval may be called too small: each
// proxy on the way may have a least of its own (RFC 4028 §7.3).
const maxTooSmall = 5

// session is the session timer of one dialog (RFC 4028): how long it may go on
// unrefreshed, and whose turn it is to refresh it. Numbers are seconds, as on
// the wire. It belongs to its leg's goroutine.
type session struct {
	want, least int           // of the configuration; want 0: we ask for none
	unit        time.Duration // a second, which tests shorten

	floor    int  // the highest Min-SE that we were told
	refusals int  // for which we were told so
	agreed   int  // 0: no timer runs
	ours     bool // we refresh
	timer    *time.Timer
}

func newSession(t *trunk) session {
	return session{want: int(t.SessionExpires / time.Second), least: int(t.SessionMin / time.Second), unit: t.agent.timing.second}
}

// ask adds to a request of ours, an INVITE or UPDATE, what we would have. Once
// roles are known they stay (RFC 4028 §7.4).
func (s *session) ask(req *sipmsg.Request) {
	if req.GetHeader("supported") == nil {
		req.AppendHeader(sipmsg.NewHeader("Supported", supportedList))
	}
	value := s.wish()
	if value == 0 {
		return
	}
	text := strconv.Itoa(value)
	if s.agreed > 0 {
		text += ";refresher=" + role(s.ours)
	}
	req.AppendHeader(sipmsg.NewHeader("Session-Expires", text))
	req.AppendHeader(sipmsg.NewHeader("Min-SE", strconv.Itoa(max(s.least, s.floor))))
}

// wish is the interval to ask for, 0 for none.
func (s *session) wish() int {
	value := s.agreed
	if value == 0 {
		value = s.want
	}
	if value == 0 {
		return 0
	}
	return max(value, s.floor)
}

// role is whose turn it is in a request of ours: who sends it is its uac.
func role(sender bool) string {
	if sender {
		return "uac"
	}
	return "uas"
}

// answered takes the 2xx to what was asked. Without Session-Expires there is no
// timer, or no more (RFC 4028 §7.2).
func (s *session) answered(res *sipmsg.Response) {
	value, who, ok := expiresOf(res)
	if !ok {
		s.stop()
		return
	}
	s.agree(value, who != "uas")
}

// tooSmall takes a 422, and tells whether it is worth asking again (RFC 4028
// §7.3): only for more than was asked for.
func (s *session) tooSmall(res *sipmsg.Response) bool {
	least, ok := leastOf(res)
	if res.StatusCode != 422 || !ok || s.wish() == 0 || least <= s.wish() || s.refusals == maxTooSmall {
		return false
	}
	s.floor, s.refusals = least, s.refusals+1
	return true
}

// judge refuses an interval that is too small. Who does not know of timers
// cannot be told so: a proxy has asked for it (RFC 4028 §8.1, §9).
func (s *session) judge(req *sipmsg.Request) refusal {
	value, _, ok := expiresOf(req)
	if !ok || value >= s.least || !knowsTimer(req) {
		return refusal{}
	}
	return refuse(422, "Session Interval Too Small", sipmsg.NewHeader("Min-SE", strconv.Itoa(s.least)))
}

// answer adds to our 2xx what holds from now on (RFC 4028 §9, table 2).
func (s *session) answer(req *sipmsg.Request, res *sipmsg.Response) {
	value, who, asked := expiresOf(req)
	knows := knowsTimer(req)
	least, _ := leastOf(req)
	least = max(least, s.least)
	switch {
	case asked && !knows && value < int(shortestSession/time.Second), !asked && (s.want == 0 || !knows):
		s.stop()
		return
	case !asked:
		value = max(s.wish(), least)
	case s.want > 0: // less is ours to choose, down to what the far end takes
		value = min(value, max(s.want, least))
	}
	ours := true // where the far end leaves it to us, we would rather know than wait
	switch {
	case knows && who != "":
		ours = who == "uas"
	case knows && s.agreed > 0:
		ours = s.ours
	}
	s.agree(value, ours)
	res.AppendHeader(sipmsg.NewHeader("Session-Expires", strconv.Itoa(s.agreed)+";refresher="+role(!ours)))
	if !ours {
		res.AppendHeader(sipmsg.NewHeader("Require", "timer"))
	}
}

// agree begins a new interval.
func (s *session) agree(value int, ours bool) {
	s.stop()
	s.agreed, s.ours = min(value, int(longestSession/time.Second)), ours
	s.timer = time.NewTimer(s.wait())
}

// wait is half the interval for who refreshes, and for the other until shortly
// before its end (RFC 4028 §10).
func (s *session) wait() time.Duration {
	whole := time.Duration(s.agreed) * s.unit
	if s.ours {
		return whole / 2
	}
	return whole - min(32*s.unit, whole/3)
}

// later waits for another attempt at a refresh that was refused. Where the far
// end refreshes, it has its whole interval for that, whatever it refused us.
func (s *session) later() {
	if s.agreed > 0 && s.ours {
		s.timer.Reset(time.Duration(max(s.agreed/8, 5)) * s.unit)
	}
}

// due fires when it is time to refresh, or when the far end should have.
func (s *session) due() <-chan time.Time {
	if s.timer == nil {
		return nil
	}
	return s.timer.C
}

// stop is the end of the timer.
func (s *session) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.timer, s.agreed = nil, 0
}
