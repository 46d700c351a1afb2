package matrix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// errIgnored marks events that are not for us: full-mesh group calls, types
// without a meaning here.
var errIgnored = errors.New("not a call event of a room")

// decode reads the content of an m.call.* event. It forgives what clients are
// known to get wrong and refuses what could hurt.
func decode(eventType string, content []byte) (message, error) {
	name := stable(eventType)
	if name == "" {
		return message{}, errIgnored
	}
	var w wireContent
	if err := json.Unmarshal(content, &w); err != nil {
		return message{}, fmt.Errorf("%s: not an object: %w", eventType, err)
	}
	m := message{Type: name, CallID: string(w.CallID), Lifetime: time.Duration(w.Lifetime),
		Invitee: string(w.Invitee), Selected: string(w.Selected), Reason: string(w.Reason), V0: bool(w.Version),
		Voice: w.voice(), Can: capabilities(w.Capabilities), Create: string(w.Create), Await: string(w.Await), Target: string(w.Target.ID)}
	if !m.V0 {
		m.Party = string(w.Party) // version 0 has none; one that is there is ignored
	}
	for _, d := range []description{w.Offer, w.Answer, w.Description} {
		if d.SDP != "" {
			m.SDP, m.SDPType = string(d.SDP), string(d.Type)
		}
	}
	m.Candidates = w.candidates()
	return m, m.check(w)
}

func (m message) check(w wireContent) error {
	switch {
	case len(w.ConfID) > 0 && !bytes.Equal(w.ConfID, []byte("null")):
		return errIgnored // MSC3401 full mesh
	case m.CallID == "":
		return fmt.Errorf("%s: no call_id", m.Type)
	case max(len(m.CallID), len(m.Party), len(m.Selected), len(m.Create), len(m.Await), len(m.Target)) > maxCallID:
		return fmt.Errorf("%s: an identifier is longer than %d bytes", m.Type, maxCallID)
	case len(m.SDP) > maxSDP:
		return fmt.Errorf("%s: the description is larger than %d bytes", m.Type, maxSDP)
	}
	return nil
}

// wireContent is the union of all contents, each field as tolerant as it has
// to be: a field of the wrong type is absent and spoils nothing else.
type wireContent struct {
	CallID      text            `json:"call_id"`
	Version     versionZero     `json:"version"`
	Party       text            `json:"party_id"`
	ConfID      json.RawMessage `json:"conf_id"`
	Lifetime    lifetime        `json:"lifetime"`
	Invitee     text            `json:"invitee"`
	Offer       description     `json:"offer"`
	Answer      description     `json:"answer"`
	Description description     `json:"description"`
	Candidates  candidateList   `json:"candidates"`
	Candidate   candidateList   `json:"candidate"` // of m.call.candidate: one object
	Selected    text            `json:"selected_party_id"`
	Reason      text            `json:"reason"`

	Streams      streams `json:"sdp_stream_metadata"`
	OldStreams   streams `json:"org.matrix.msc3077.sdp_stream_metadata"`
	Capabilities able    `json:"capabilities"`
	Create       text    `json:"create_call"`
	Await        text    `json:"await_call"`
	Target       person  `json:"target_user"`
}

// voice is what the stream metadata says, under its name of today or its old one.
func (w wireContent) voice() voice {
	if v := voice(w.Streams); v != voiceUnknown {
		return v
	}
	return voice(w.OldStreams)
}

func (w wireContent) candidates() []candidate {
	all := append([]candidate(w.Candidates), w.Candidate...)
	return all[:min(len(all), maxCandidates)]
}

// text is a string; anything else is empty.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(s)
	}
	return nil
}

// versionZero tells whether the version is 0, as a number or a string. All
// else, 1 as a number, "1", names unknown to us and nothing, has the rules of
// version 1 (Matrix 1.7).
type versionZero bool

func (v *versionZero) UnmarshalJSON(b []byte) error {
	n, ok := number(b)
	*v = versionZero(ok && n == 0)
	return nil
}

// lifetime is in milliseconds, whole or not, as a number or a string; it is
// kept between ten seconds and five minutes.
type lifetime time.Duration

func (l *lifetime) UnmarshalJSON(b []byte) error {
	n, ok := number(b)
	if !ok || math.IsNaN(n) {
		return nil
	}
	ms := min(max(n, float64(minLifetime.Milliseconds())), float64(maxLifetime.Milliseconds()))
	*l = lifetime(time.Duration(ms) * time.Millisecond)
	return nil
}

// number reads a JSON number or a string that holds one.
func number(b []byte) (float64, bool) {
	s := string(b)
	if len(s) > 0 && s[0] == '"' && json.Unmarshal(b, &s) != nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return n, err == nil
}

// description is an SDP with its type; a malformed one is empty.
type description struct{ Type, SDP text }

func (d *description) UnmarshalJSON(b []byte) error {
	var w struct {
		Type text `json:"type"`
		SDP  text `json:"sdp"`
	}
	if json.Unmarshal(b, &w) == nil {
		d.Type, d.SDP = w.Type, w.SDP
	}
	return nil
}

// streams is the metadata of all streams of a party (MSC3077), of which only
// the microphone matters here: it is off when every stream of it is muted.
type streams voice

func (s *streams) UnmarshalJSON(b []byte) error {
	var all map[string]json.RawMessage
	if json.Unmarshal(b, &all) != nil {
		return nil
	}
	for _, one := range all {
		var w struct {
			Purpose text  `json:"purpose"`
			Muted   *bool `json:"audio_muted"`
		}
		if json.Unmarshal(one, &w) != nil || w.Muted == nil || w.Purpose != "" && w.Purpose != usermediaPurpose {
			continue
		}
		if !*w.Muted {
			*s = streams(voiceOn)
			return nil
		}
		*s = streams(voiceOff)
	}
	return nil
}

// able is what a party can do (MSC2747); anything that is not true is false.
type able capabilities

func (a *able) UnmarshalJSON(b []byte) error {
	var w map[string]json.RawMessage
	if json.Unmarshal(b, &w) == nil {
		a.DTMF, a.Transferee = string(w["m.call.dtmf"]) == "true", string(w["m.call.transferee"]) == "true"
	}
	return nil
}

// person is an object with a user's id.
type person struct{ ID text }

func (p *person) UnmarshalJSON(b []byte) error {
	var w struct {
		ID text `json:"id"`
	}
	if json.Unmarshal(b, &w) == nil {
		p.ID = w.ID
	}
	return nil
}

// candidateList is an array of candidates or a single one.
type candidateList []candidate

func (l *candidateList) UnmarshalJSON(b []byte) error {
	var many []json.RawMessage
	if json.Unmarshal(b, &many) != nil {
		many = []json.RawMessage{b}
	}
	for _, one := range many[:min(len(many), maxCandidates)] {
		if c, ok := decodeCandidate(one); ok {
			*l = append(*l, c)
		}
	}
	return nil
}

// decodeCandidate refuses candidates that are too long, and those that belong
// to no m-line, except for the one that ends the list: an empty text, or null.
func decodeCandidate(b []byte) (candidate, bool) {
	if bytes.Equal(bytes.TrimSpace(b), []byte("null")) {
		return candidate{Line: -1}, true
	}
	var w struct {
		Candidate *text  `json:"candidate"`
		Mid       text   `json:"sdpMid"`
		Line      *index `json:"sdpMLineIndex"`
		Frag      text   `json:"usernameFragment"`
	}
	if len(b) > maxCandidate || json.Unmarshal(b, &w) != nil {
		return candidate{}, false
	}
	c := candidate{Mid: string(w.Mid), Line: -1, Frag: string(w.Frag)}
	if w.Candidate != nil {
		c.Text = strings.TrimPrefix(strings.TrimSpace(string(*w.Candidate)), "a=")
	}
	if w.Line != nil {
		c.Line = int(*w.Line)
	}
	return c, c.Text == "" || c.Mid != "" || c.Line >= 0
}

// index is a small whole number, as a number or a string; else -1.
type index int

func (i *index) UnmarshalJSON(b []byte) error {
	n, ok := number(b)
	*i = -1
	if ok && n >= 0 && n < 1000 {
		*i = index(n)
	}
	return nil
}
