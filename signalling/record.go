package signalling

import (
	"time"

	"roomline/media"
)

// Record is what is kept of one call: one line of JSON, one log line, and
// everything the metrics count.
type Record struct {
	ID        string    `json:"id"`
	Direction Direction `json:"direction"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Trunk     string    `json:"trunk,omitempty"`
	Via       string    `json:"via,omitempty"` // the trunk that it was passed on by, where trunk brought it
	Room      string    `json:"room,omitempty"`
	User      string    `json:"user,omitempty"`           // the Matrix user whose call it is
	Connected string    `json:"connected,omitempty"`      // whom from or to proved to be
	Moved     string    `json:"transferred_to,omitempty"` // where the last transfer led
	Forwarder string    `json:"forwarded_from,omitempty"` // the number that was called first, as the trunk says
	Verstat   string    `json:"verstat,omitempty"`        // how far the caller's number can be believed (3GPP TS 24.229 §7.2A.20)
	Attest    string    `json:"attest,omitempty"`         // what the signature over it says of the caller (RFC 8588)
	OrigID    string    `json:"origid,omitempty"`         // and of where the call began
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`

	RingMS  int64 `json:"ring_ms,omitempty"`  // from the invitation until it rang
	SetupMS int64 `json:"setup_ms,omitempty"` // from the invitation until both could talk, less the time it rang
	WaitMS  int64 `json:"wait_ms,omitempty"`  // from the invitation until both could talk
	TalkMS  int64 `json:"talk_ms"`            // both could talk; 0: never answered

	Cause    string `json:"cause"`
	Q850     int    `json:"q850"` // ITU-T Q.850 cause value
	Detail   string `json:"detail,omitempty"`
	EndedBy  string `json:"ended_by"` // "caller", "called" or "gateway"
	Sentence string `json:"sentence"`

	Codec  string    `json:"codec,omitempty"`
	Audio  Verdict   `json:"audio"`
	Caller LegAudio  `json:"caller"` // what came from, and went to, the caller, or who took its place
	Called LegAudio  `json:"called"`
	Ladder []Message `json:"ladder"`
}

// Direction tells a call from a room apart from a call into one, and from one
// that a trunk brought and another took.
type Direction string

// The directions.
const (
	RoomToPhone  Direction = "room_to_phone"
	PhoneToRoom  Direction = "phone_to_room"
	PhoneToPhone Direction = "phone_to_phone"
)

// Verdict says who was heard, from packet counters on both legs.
type Verdict string

// The verdicts. "No audio" is said only of calls that were answered.
const (
	NotAnswered     Verdict = "not_answered"
	BothWays        Verdict = "both_ways"
	OnlyCallerHeard Verdict = "only_caller_heard"
	OnlyCalledHeard Verdict = "only_called_heard"
	NoAudio         Verdict = "no_audio"
)

// LegAudio are one side's packet counters.
type LegAudio struct {
	Received    uint64  `json:"received"`
	Sent        uint64  `json:"sent"`
	Lost        uint64  `json:"lost"`
	Rejected    uint64  `json:"rejected,omitempty"`
	LossPercent float64 `json:"loss_percent"`
	JitterMS    float64 `json:"jitter_ms"`
}

func legAudio(s media.Stats) LegAudio {
	return LegAudio{Received: s.Received, Sent: s.Sent, Lost: s.Lost, Rejected: s.Rejected,
		LossPercent: s.LossPercent(), JitterMS: float64(s.Jitter) / float64(time.Millisecond)}
}

func verdict(answered bool, caller, called LegAudio) Verdict {
	switch {
	case !answered:
		return NotAnswered
	case caller.Received > 0 && called.Received > 0:
		return BothWays
	case caller.Received > 0:
		return OnlyCallerHeard
	case called.Received > 0:
		return OnlyCalledHeard
	default:
		return NoAudio
	}
}

// record tells the call's story from what run kept of it.
func (c *call) record() Record {
	t := c.times
	r := Record{ID: c.inbox.Call(), Direction: c.direction(), From: c.in.From.Label(), To: c.in.To.Label(),
		Trunk: c.trunk, Via: c.onward, Room: c.in.Room, User: c.owner.User, Connected: c.proved(), Moved: c.moved, Start: t.start, End: t.ended,
		Cause: c.Reason.Cause.String(), Q850: c.Reason.Cause.Q850(), Detail: c.Reason.Detail,
		EndedBy: c.endedBy(), Ladder: c.inbox.Ladder()}
	r.vouch(c.in)
	r.Caller, r.Called = c.audio(c.pair[0]), c.audio(c.pair[1])
	r.Audio = verdict(!t.connected.IsZero(), r.Caller, r.Called)
	r.RingMS, r.SetupMS, r.WaitMS, r.TalkMS = t.spans()
	for _, s := range c.pair {
		if c.legs[s] != nil && c.legs[s].Media() != nil {
			r.Codec = c.legs[s].Media().Format().Name
		}
	}
	r.Sentence = Sentence(c.Reason, r.Direction == RoomToPhone, c.otherName(), time.Duration(r.TalkMS)*time.Millisecond)
	return r
}

// refusal is the record of a call that was refused before it began.
func refusal(in Incoming, why Reason, write func(string) string) Record {
	now := time.Now()
	c := &call{in: in, opt: Options{Write: write}}
	r := Record{Direction: c.direction(), From: in.From.Label(), To: in.To.Label(), Room: in.Room, Start: now, End: now,
		Cause: why.Cause.String(), Q850: why.Cause.Q850(), Detail: why.Detail, EndedBy: "gateway", Audio: NotAnswered}
	r.vouch(in)
	if r.User = in.From.User; in.Via != Matrix {
		r.Trunk = in.Via
	}
	r.Sentence = Sentence(why, r.Direction == RoomToPhone, c.otherName(), 0)
	return r
}

// vouch keeps what was known of the caller when the call came.
func (r *Record) vouch(in Incoming) {
	r.Forwarder, r.Verstat, r.Attest, r.OrigID = in.From.Forwarder, in.From.Assured.String(), in.Attest, in.OrigID
}

// spans are the record's durations in milliseconds.
func (t times) spans() (ring, setup, wait, talk int64) {
	if !t.ringing.IsZero() {
		ring = t.ringing.Sub(t.start).Milliseconds()
	}
	if !t.connected.IsZero() {
		wait = t.connected.Sub(t.start).Milliseconds()
		setup, talk = wait, t.ended.Sub(t.connected).Milliseconds()
		if !t.ringing.IsZero() {
			setup -= t.answered.Sub(t.ringing).Milliseconds()
		}
	}
	return ring, setup, wait, talk
}

func (c *call) audio(s Side) LegAudio {
	if c.legs[s] == nil || c.legs[s].Media() == nil {
		return c.heard[s]
	}
	return legAudio(c.legs[s].Media().Stats())
}

func (c *call) direction() Direction {
	switch {
	case c.in.Via == Matrix:
		return RoomToPhone
	case c.onward != "":
		return PhoneToPhone
	}
	return PhoneToRoom
}

// proved is who took part in the end, where that is not who was named at first.
func (c *call) proved() string {
	if c.times.connected.IsZero() {
		return ""
	}
	if called := c.who[c.pair[1]].Label(); called != c.first[1].Label() {
		return called
	}
	if caller := c.who[c.pair[0]].Label(); caller != c.first[0].Label() {
		return caller
	}
	return ""
}

// far is the party the person in the room talked to.
func (c *call) far() Party {
	if c.in.Via == Matrix {
		return c.in.To
	}
	return c.in.From
}

func (c *call) otherName() string {
	if p := c.far(); p.Number == "" || c.opt.Write == nil {
		return p.Label()
	}
	return c.opt.Write(c.far().Number)
}

func (c *call) endedBy() string {
	switch {
	case c.cause != HungUp && c.cause != released && c.cause != Referred && c.cause != claimed && c.cause != relieved:
		return "gateway"
	case c.place(c.By) == 0:
		return "caller"
	case c.place(c.By) == 1:
		return "called"
	default:
		return "gateway"
	}
}
