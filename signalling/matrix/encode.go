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
// to a party that takes DTMF.
type capabilities struct {
	DTMF       bool `json:"m.call.dtmf"`
	Transferee bool `json:"m.call.transferee"`
}

// stream describes one media stream (MSC3077, MSC3291), keyed by its msid.
type stream struct {
	Purpose    string `json:"purpose"`
	AudioMuted bool   `json:"audio_muted"`
	VideoMuted bool   `json:"video_muted"`
}

type inviteOut struct {
	head
	Lifetime     int64             `json:"lifetime"` // milliseconds
	Invitee      string            `json:"invitee"`
	Offer        sdpOut            `json:"offer"`
	Capabilities capabilities      `json:"capabilities"`
	Streams      map[string]stream `json:"sdp_stream_metadata"`
}

type answerOut struct {
	head
	Answer       sdpOut        `json:"answer"`
	Capabilities *capabilities `json:"capabilities,omitempty"`
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
	Lifetime    int64  `json:"lifetime"` // milliseconds
	Description sdpOut `json:"description"`
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

// usermedia describes our one stream: sound, and no picture.
func usermedia(id string) map[string]stream {
	return map[string]stream{id: {Purpose: "m.usermedia", VideoMuted: true}}
}
