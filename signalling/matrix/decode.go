package matrix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
