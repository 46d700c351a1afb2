package peer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"roomline/media"
)

// Bounds on a description from outside (a real browser's offer has about 60
// lines and 3 kB).
const (
	maxDescription = 60000 // bytes
	maxLines       = 2000
	maxSections    = 16 // m-lines
	maxInline      = 64 // candidates inside a description; more are not looked at
	maxFormats     = 128
	maxToken       = 256 // bytes of an ice-ufrag or ice-pwd (RFC 8839 §5.4)
)

// Errors of a description that cannot be used.
var (
	ErrTooLarge      = errors.New("session description is too large")
	ErrNoAudio       = errors.New("session description has no audio that is in use")
	ErrNoFingerprint = errors.New("session description has no sha-256 fingerprint")
	ErrNoCredentials = errors.New("session description has no ice-ufrag and ice-pwd")
	ErrNoFormat      = errors.New("session description has no audio format in common")
)

// description is what a far end's session description says about its audio.
type description struct {
	sdp        *sdp.SessionDescription
	audio      int // index of the m-line
	bundled    *sdp.MediaDescription
	codecs     []codec // known audio and telephone-event, in the far end's order
	direction  string  // as the far end sees it
	ufrag, pwd string
	print      string // the sha-256 fingerprint, upper case
	setup      string
	ssrc       string // the first one declared, or empty
	lite       bool
	candidates []string
}

// Formats lists the audio encodings in an offer that a call can carry, in the
// far end's order. The error says why the offer cannot be answered at all.
func Formats(offerSDP string) ([]media.Format, error) {
	d, err := parse(offerSDP, "")
	if err != nil {
		return nil, err
	}
	return d.formats(), nil
}

func (d *description) formats() []media.Format {
	var list []media.Format
	for _, c := range d.codecs {
		if !isEvent(c.Format) {
			list = append(list, c.Format)
		}
	}
	return list
}

// parse reads a description. Its audio is the section named mid, where that is
// in use, or the first that is.
func parse(text, mid string) (*description, error) {
	if len(text) > maxDescription || strings.Count(text, "\n") > maxLines {
		return nil, ErrTooLarge
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\r\n"
	}
	d := &description{sdp: &sdp.SessionDescription{}, audio: -1}
	if err := d.sdp.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("parse session description: %w", err)
	}
	if len(d.sdp.MediaDescriptions) > maxSections {
		return nil, ErrTooLarge
	}
	return d, d.read(mid)
}

func (d *description) read(mid string) error {
	for i, m := range d.sdp.MediaDescriptions {
		id, _ := m.Attribute(sdp.AttrKeyMID)
		if m.MediaName.Media == "audio" && inUse(m) && secure(m) && (d.audio < 0 || mid != "" && id == mid) {
			d.audio = i
		}
	}
	if d.audio < 0 {
		return ErrNoAudio
	}
	m := d.section()
	d.bundled = d.tagged()
	d.codecs = codecs(m)
	d.direction = d.readDirection()
	d.ssrc = firstSSRC(m)
	_, d.lite = d.sdp.Attribute(sdp.AttrKeyICELite)
	d.setup, _ = d.attribute(sdp.AttrKeyConnectionSetup)
	d.candidates = d.readCandidates()
	return d.readSecurity()
}

func (d *description) section() *sdp.MediaDescription { return d.sdp.MediaDescriptions[d.audio] }

// inUse tells a section from one that is refused: port 0 refuses, unless the
// section shares another one's transport (RFC 9143 §6).
func inUse(m *sdp.MediaDescription) bool {
	_, bundleOnly := m.Attribute("bundle-only")
	return m.MediaName.Port.Value != 0 || bundleOnly
}

// secure keeps plain RTP out: DTLS-SRTP is all that WebRTC knows (RFC 8827 §6.5).
func secure(m *sdp.MediaDescription) bool {
	for _, p := range m.MediaName.Protos {
		if p == "TLS" {
			return true
		}
	}
	return false
}

// tagged is the section whose transport the audio shares, or nil (RFC 9143 §7.2).
func (d *description) tagged() *sdp.MediaDescription {
	mid, ok := d.section().Attribute(sdp.AttrKeyMID)
	if !ok || !d.inBundle(mid) {
		return nil
	}
	group, _ := d.sdp.Attribute(sdp.AttrKeyGroup)
	first := strings.Fields(group)[1]
	for _, m := range d.sdp.MediaDescriptions {
		if id, _ := m.Attribute(sdp.AttrKeyMID); id == first {
			return m
		}
	}
	return nil
}

// inBundle tells whether the section named mid is in the bundle.
func (d *description) inBundle(mid string) bool {
	group, _ := d.sdp.Attribute(sdp.AttrKeyGroup)
	names := strings.Fields(group)
	if len(names) < 2 || names[0] != "BUNDLE" {
		return false
	}
	for _, n := range names[1:] {
		if n == mid {
			return true
		}
	}
	return false
}

// attribute looks where a transport attribute may stand: in the section, in
// the one whose transport it shares, at session level.
func (d *description) attribute(key string) (string, bool) {
	if v, ok := d.section().Attribute(key); ok {
		return v, true
	}
	if d.bundled != nil {
		if v, ok := d.bundled.Attribute(key); ok {
			return v, true
		}
	}
	return d.sdp.Attribute(key)
}

// readDirection is sendrecv where nothing is said (RFC 3264 §5.1).
func (d *description) readDirection() string {
	for _, list := range [][]sdp.Attribute{d.section().Attributes, d.sdp.Attributes} {
		for _, a := range list {
			switch a.Key {
			case sdp.AttrKeySendRecv, sdp.AttrKeySendOnly, sdp.AttrKeyRecvOnly, sdp.AttrKeyInactive:
				return a.Key
			}
		}
	}
	return sdp.AttrKeySendRecv
}

func (d *description) readCandidates() []string {
	from := []*sdp.MediaDescription{d.section()}
	if d.bundled != nil && d.bundled != d.section() {
		from = append(from, d.bundled)
	}
	var list []string
	for _, m := range from {
		for _, a := range m.Attributes {
			if a.Key == sdp.AttrKeyCandidate && len(list) < maxInline {
				list = append(list, a.Value)
			}
		}
	}
	return list
}

func firstSSRC(m *sdp.MediaDescription) string {
	v, _ := m.Attribute(sdp.AttrKeySSRC)
	number, _, _ := strings.Cut(v, " ")
	if _, err := strconv.ParseUint(number, 10, 32); err != nil {
		return ""
	}
	return number
}
