package matrix

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// This file holds the fields of contents, each as tolerant as it has to be.

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
