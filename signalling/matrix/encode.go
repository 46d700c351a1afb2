package matrix

// version is written as the string "1" or the integer 0, nothing else.
type version bool

const (
	v1 version = false
	v0 version = true
)

// MarshalJSON implements json.Marshaler.
func (v version) MarshalJSON() ([]byte, error) {
	if v == v0 {
		return []byte("0"), nil
	}
	return []byte(`"1"`), nil
}

// head begins every content that we send. In version 0 the party is left out.
type head struct {
	Version version `json:"version"`
	CallID  string  `json:"call_id"`
	Party   string  `json:"party_id,omitempty"`
}

type sdpOut struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

// capabilities are those of MSC2747: Element shows its key pad in a call only
// to a party that takes DTMF, and its transfer button only to one that can be
// transferred.
type capabilities struct {
	DTMF       bool `json:"m.call.dtmf"`
	Transferee bool `json:"m.call.transferee"`
}

// ours is what we can do.
func ours() *capabilities { return &capabilities{DTMF: true, Transferee: true} }

// stream describes one media stream (MSC3077, MSC3291), keyed by its msid.
type stream struct {
	Purpose    string `json:"purpose"`
	AudioMuted bool   `json:"audio_muted"`
	VideoMuted bool   `json:"video_muted"`
}

type inviteOut struct {
	head
	Lifetime     int64             `json:"lifetime"` // milliseconds
	Invitee      string            `json:"invitee,omitempty"`
	Offer        sdpOut            `json:"offer"`
	Capabilities *capabilities     `json:"capabilities"`
	Streams      map[string]stream `json:"sdp_stream_metadata"`
}

type answerOut struct {
	head
	Answer       sdpOut            `json:"answer"`
	Capabilities *capabilities     `json:"capabilities,omitempty"`
	Streams      map[string]stream `json:"sdp_stream_metadata,omitempty"`
}

type candidatesOut struct {
	head
	Candidates []candidateOut `json:"candidates"`
}

// candidateOut always has both ways to name its m-line: Element on Android
// skips those without sdpMid.
type candidateOut struct {
	Candidate string `json:"candidate"`
	Mid       string `json:"sdpMid"`
	Line      int    `json:"sdpMLineIndex"`
}

type selectOut struct {
	head
	Selected string `json:"selected_party_id"`
}

type negotiateOut struct {
	head
	Lifetime    int64             `json:"lifetime"` // milliseconds
	Description sdpOut            `json:"description"`
	Streams     map[string]stream `json:"sdp_stream_metadata,omitempty"`
}

type streamsOut struct {
	head
	Streams map[string]stream `json:"sdp_stream_metadata"`
}

// identityOut has no user's id: Element would open a chat with that user.
type identityOut struct {
	head
	Identity identity `json:"asserted_identity"`
}

type identity struct {
	Name string `json:"display_name"`
}

// digitsOut are keys that somebody pressed on a telephone; bots read them.
type digitsOut struct {
	head
	Digits string `json:"digits"`
	At     int64  `json:"at"` // the first of them, in milliseconds since 1970
}

// endOut is a reject or a hangup.
type endOut struct {
	head
	Reason string `json:"reason,omitempty"`
}

type noticeOut struct {
	MsgType string `json:"msgtype"`
	Body    string `json:"body"`
}

// endOfCandidates tells that all our candidates were in the description.
func endOfCandidates(h head) candidatesOut {
	return candidatesOut{h, []candidateOut{{"", endOfCandidatesMid, 0}}}
}

// usermediaPurpose is a party's own voice and face, not its screen (MSC3077).
const usermediaPurpose = "m.usermedia"

// usermedia describes our one stream: sound, and no picture.
func usermedia(id string, muted bool) map[string]stream {
	return map[string]stream{id: {Purpose: usermediaPurpose, AudioMuted: muted, VideoMuted: true}}
}
