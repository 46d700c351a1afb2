package matrix

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// T1: versions as clients write them.
func TestVersion(t *testing.T) {
	t.Parallel()
	for wire, v0 := range map[string]bool{`0`: true, `"0"`: true, `0.0`: true, `1`: false, `"1"`: false, `1.0`: false, `"2"`: false,
		`"org.example"`: false, `null`: false, `{}`: false, `true`: false} {
		m, err := decode(typeInvite, []byte(`{"call_id":"c","party_id":"P","version":`+wire+`}`))
		if err != nil || m.V0 != v0 || (m.Party == "") != v0 {
			t.Errorf("version %s: v0 %v, party %q, %v", wire, m.V0, m.Party, err)
		}
	}
	if m, err := decode(typeInvite, []byte(`{"call_id":"c"}`)); err != nil || m.V0 {
		t.Errorf("no version: %+v, %v", m, err)
	}
}

// T2: lifetimes as clients write them.
func TestLifetime(t *testing.T) {
	t.Parallel()
	for wire, want := range map[string]time.Duration{`60000`: time.Minute, `6e4`: time.Minute, `60000.7`: time.Minute, `"60000"`: time.Minute,
		`1`: minLifetime, `-5`: minLifetime, `1e300`: maxLifetime, `"inf"`: maxLifetime, `"NaN"`: 0, `"soon"`: 0, `null`: 0, `[]`: 0} {
		m, err := decode(typeInvite, []byte(`{"call_id":"c","lifetime":`+wire+`}`))
		if err != nil || m.Lifetime != want {
			t.Errorf("lifetime %s: %v, %v, expected %v", wire, m.Lifetime, err, want)
		}
	}
}

// T3: candidates as clients write them.
func TestCandidates(t *testing.T) {
	t.Parallel()
	end := candidate{Line: -1}
	for wire, want := range map[string][]candidate{
		`[{"candidate":"c","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"u"}]`: {{"c", "0", 0, "u"}},
		`[{"candidate":"a=candidate:1","sdpMLineIndex":"1"}]`:                       {{"candidate:1", "", 1, ""}},
		`[{"candidate":"c","sdpMid":null,"sdpMLineIndex":2}]`:                       {{"c", "", 2, ""}},
		`[{"candidate":"c","sdpMid":"x","sdpMLineIndex":null}]`:                     {{"c", "x", -1, ""}},
		`[{"candidate":"c"}]`:              nil,
		`[{"candidate":"c","sdpMid":""}]`:  nil,
		`[{"candidate":""}]`:               {end},
		`[{"candidate":null}]`:             {end},
		`[null]`:                           {end},
		`["garbage",{"sdpMLineIndex":-1}]`: {end},
		`null`:                             nil,
		`"x"`:                              nil,
	} {
		m, err := decode(typeCandidates, []byte(`{"call_id":"c","candidates":`+wire+`}`))
		if err != nil || !equal(m.Candidates, want) {
			t.Errorf("%s: %+v, %v, expected %+v", wire, m.Candidates, err, want)
		}
	}
	long := `[{"sdpMid":"0","candidate":"` + strings.Repeat("x", maxCandidate) + `"}]`
	if m, err := decode(typeCandidates, []byte(`{"call_id":"c","candidates":`+long+`}`)); err != nil || len(m.Candidates) != 0 {
		t.Errorf("a long candidate: %d, %v", len(m.Candidates), err)
	}
	many := "[" + strings.Repeat(`{"candidate":"c","sdpMid":"0"},`, 299) + `{"candidate":"c","sdpMid":"0"}]`
	if m, _ := decode(typeCandidates, []byte(`{"call_id":"c","candidates":`+many+`}`)); len(m.Candidates) != maxCandidates {
		t.Errorf("%d of 300 candidates", len(m.Candidates))
	}
}

func equal(a, b []candidate) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// T4: m.call.candidate, as early documents spell it, in both shapes.
func TestSingularCandidate(t *testing.T) {
	t.Parallel()
	for _, wire := range []string{`"candidate":{"candidate":"c","sdpMid":"0"}`, `"candidates":[{"candidate":"c","sdpMid":"0"}]`} {
		m, err := decode(typeCandidate, []byte(`{"call_id":"c",`+wire+`}`))
		if err != nil || m.Type != typeCandidates || !equal(m.Candidates, []candidate{{"c", "0", -1, ""}}) {
			t.Errorf("%s: %+v, %v", wire, m, err)
		}
	}
}

// T6: what is too large, or not for us.
func TestRefusedContents(t *testing.T) {
	t.Parallel()
	for name, wire := range map[string]string{
		"no object":   `[]`,
		"no call id":  `{"version":"1"}`,
		"numeric id":  `{"call_id":5}`,
		"long id":     `{"call_id":"` + strings.Repeat("x", 256) + `"}`,
		"long party":  `{"call_id":"c","party_id":"` + strings.Repeat("x", 256) + `"}`,
		"full mesh":   `{"call_id":"c","conf_id":"g"}`,
		"huge offer":  `{"call_id":"c","offer":{"sdp":"` + strings.Repeat("x", maxSDP+1) + `"}}`,
		"cut off":     `{"call_id":"c"`,
		"empty bytes": ``,
	} {
		if m, err := decode(typeInvite, []byte(wire)); err == nil {
			t.Errorf("%s: accepted %+v", name, m)
		}
	}
	m, err := decode(typeInvite, []byte(`{"call_id":"c","conf_id":null,"offer":{"sdp":"s","type":7},"invitee":3,"reason":{},"new":[1]}`))
	if err != nil || m.SDP != "s" || m.Invitee != "" || m.Reason != "" {
		t.Errorf("fields of wrong types: %+v, %v", m, err)
	}
}

// What matrix-js-sdk really sends.
func TestDecodeAnInvite(t *testing.T) {
	t.Parallel()
	m, err := decode(typeInvite, []byte(`{"call_id":"1795434866036","capabilities":{"m.call.dtmf":false},"lifetime":60000,"offer":{"sdp":"v=0","type":"offer"},
		"party_id":"FULZJXHJDV","sdp_stream_metadata":{"x":{"purpose":"m.usermedia"}},"version":"1"}`))
	want := message{Type: typeInvite, CallID: "1795434866036", Party: "FULZJXHJDV", Lifetime: time.Minute, SDP: "v=0", SDPType: "offer"}
	if err != nil || m.Candidates != nil || m.CallID != want.CallID || m.Party != want.Party || m.SDP != want.SDP || m.SDPType != want.SDPType || m.V0 {
		t.Errorf("%+v, %v", m, err)
	}
}

// T5: stream metadata under both its names, and what of it counts.
func TestStreamMetadata(t *testing.T) {
	t.Parallel()
	on, off := `{"purpose":"m.usermedia","audio_muted":false}`, `{"purpose":"m.usermedia","audio_muted":true,"video_muted":false}`
	screen := `{"purpose":"m.screenshare","audio_muted":false}`
	for wire, want := range map[string]voice{
		`"sdp_stream_metadata":{"a":` + on + `}`:                                                            voiceOn,
		`"sdp_stream_metadata":{"a":` + off + `}`:                                                           voiceOff,
		`"org.matrix.msc3077.sdp_stream_metadata":{"a":` + off + `}`:                                        voiceOff,
		`"sdp_stream_metadata":{"a":` + on + `},"org.matrix.msc3077.sdp_stream_metadata":{"a":` + off + `}`: voiceOn,
		`"sdp_stream_metadata":{"a":` + off + `,"b":` + screen + `}`:                                        voiceOff,
		`"sdp_stream_metadata":{"a":` + off + `,"b":` + on + `}`:                                            voiceOn,
		`"sdp_stream_metadata":{"a":{"audio_muted":true}}`:                                                  voiceOff,
		`"sdp_stream_metadata":{"a":{"purpose":"m.usermedia"}}`:                                             voiceUnknown,
		`"sdp_stream_metadata":{"a":{"purpose":"m.usermedia","audio_muted":"yes"},"b":7}`:                   voiceUnknown,
		`"sdp_stream_metadata":[]`:                                                                          voiceUnknown,
		`"sdp_stream_metadata":{}`:                                                                          voiceUnknown,
	} {
		for _, name := range []string{typeStreams, "org.matrix.call.sdp_stream_metadata_changed", typeInvite, typeAnswer, typeNegotiate} {
			m, err := decode(name, []byte(`{"call_id":"c",`+wire+`}`))
			if err != nil || m.Voice != want || m.Type != stable(name) {
				t.Errorf("%s %s: %v %v, %v", name, wire, m.Type, m.Voice, err)
			}
		}
	}
}

// The events that came later, and their names before they were agreed on.
func TestLaterEvents(t *testing.T) {
	t.Parallel()
	m, err := decode(typeReplaces, []byte(`{"call_id":"c","party_id":"P","version":"1","replacement_id":"r","create_call":"x",
		"target_user":{"id":"@bob:example.org","display_name":"Bob"},"capabilities":{"m.call.transferee":true,"m.call.dtmf":"yes"}}`))
	if err != nil || m.Create != "x" || m.Await != "" || m.Target != "@bob:example.org" || !m.Can.Transferee || m.Can.DTMF {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := decode(typeReplaces, []byte(`{"call_id":"c","await_call":7,"target_user":"@bob:example.org","capabilities":[]}`)); err != nil || m.Await+m.Target != "" {
		t.Errorf("wrong types: %+v, %v", m, err)
	}
	if _, err := decode(typeReplaces, []byte(`{"call_id":"c","await_call":"`+strings.Repeat("x", 256)+`"}`)); err == nil {
		t.Error("a long await_call is accepted")
	}
	for name, want := range map[string]string{"org.matrix.call.asserted_identity": typeIdentity, typeIdentity: typeIdentity,
		"org.matrix.call.invite": "", "m.call.member": "", "org.matrix.msc3401.call": "", typeDigits: ""} {
		if got := stable(name); got != want {
			t.Errorf("%s is %q, expected %q", name, got, want)
		}
	}
}

// T8: whatever comes, a decoded message keeps its limits.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"call_id":"c","version":0}`, `{"call_id":"c","candidates":[null,{"candidate":"a=x","sdpMLineIndex":"3"}]}`,
		`{"call_id":"c","lifetime":"6e4","offer":{"sdp":"v=0"}}`, `{"call_id":"c","candidate":{"candidate":""}}`, `[]`, `{"call_id":"\ud800"}`} {
		f.Add(typeInvite, []byte(seed))
		f.Add(typeCandidate, []byte(seed))
	}
	for _, eventType := range []string{typeAnswer, typeSelectAnswer, typeReject, typeNegotiate, typeHangup, typeStreams, typeIdentity, typeReplaces,
		"org.matrix.call.sdp_stream_metadata_changed", "org.matrix.call.asserted_identity"} {
		f.Add(eventType, []byte(`{"call_id":"c","party_id":"P","version":"1","answer":{"type":"answer","sdp":"v=0"},"description":{"type":"offer","sdp":"v=0"},
			"selected_party_id":"P","reason":"user_busy","sdp_stream_metadata":{"s":{"purpose":"m.usermedia","audio_muted":true}},
			"org.matrix.msc3077.sdp_stream_metadata":{"s":[]},"capabilities":{"m.call.dtmf":true},"asserted_identity":{"display_name":"x"},
			"create_call":"x","await_call":null,"target_user":{"id":"@b:c"}}`))
	}
	f.Fuzz(func(t *testing.T, eventType string, content []byte) {
		m, err := decode(eventType, content)
		if err != nil {
			return
		}
		if longest := max(len(m.Party), len(m.Selected), len(m.Create), len(m.Await), len(m.Target)); longest > maxCallID || m.Type != stable(eventType) {
			t.Errorf("limits: %+v", m)
		}
		if m.CallID == "" || len(m.CallID) > maxCallID || len(m.SDP) > maxSDP || len(m.Candidates) > maxCandidates {
			t.Errorf("limits: %+v", m)
		}
		if m.Lifetime != 0 && (m.Lifetime < minLifetime || m.Lifetime > maxLifetime) || m.V0 && m.Party != "" {
			t.Errorf("lifetime %v, v0 %v, party %q", m.Lifetime, m.V0, m.Party)
		}
		for _, c := range m.Candidates {
			if c.Line < -1 || c.Line >= 1000 || c.Text != "" && c.Mid == "" && c.Line < 0 {
				t.Errorf("candidate %+v", c)
			}
		}
	})
}

var update = flag.Bool("update", false, "write the golden files and the tables of docs/matrix.md anew")

// T7: what we send, byte by byte.
func TestGoldenContents(t *testing.T) {
	t.Parallel()
	now := head{v1, "call1", "US"}
	old := head{Version: v0, CallID: "call1"}
	for name, content := range map[string]any{
		"invite": inviteOut{head: now, Lifetime: 90000, Invitee: alice, Offer: sdpOut{"offer", "v=0"},
			Capabilities: ours(), Streams: usermedia("s1", false)},
		"invite_room": inviteOut{head: now, Lifetime: 90000, Offer: sdpOut{"offer", "v=0"},
			Capabilities: ours(), Streams: usermedia("s1", false)},
		"answer":        answerOut{now, sdpOut{"answer", "v=0"}, ours(), usermedia("s1", false)},
		"answer_v0":     answerOut{old, sdpOut{"answer", "v=0"}, nil, nil},
		"candidates":    endOfCandidates(now),
		"candidates_v0": endOfCandidates(old),
		"select_answer": selectOut{now, "PHONE"},
		"negotiate":     negotiateOut{now, 60000, sdpOut{"answer", "v=0"}, usermedia("s1", false)},
		"negotiate_old": negotiateOut{now, 60000, sdpOut{"offer", "v=0"}, nil},
		"streams":       streamsOut{now, usermedia("s1", true)},
		"identity":      identityOut{now, identity{"Widgets Inc (+49 30 1234567)"}},
		"digits":        digitsOut{now, "12#", 1760000000000},
		"digits_v0":     digitsOut{old, "5", 1760000000000},
		"reject":        endOut{now, ""},
		"reject_busy":   endOut{now, userBusy},
		"hangup":        endOut{now, userHangup},
		"hangup_v0":     endOut{old, userHangup},
		"notice":        noticeOut{"m.notice", "+49 30 1234567 is busy."},
	} {
		// By pointer, too: a marshaller on a pointer receiver would differ.
		got, err := json.MarshalIndent(&content, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", name+".json"), string(got)+"\n")
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s: %v\nhave %s\nwant %s", path, err, got, want)
	}
}
