package peer

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// innerMid names the one section that pion ever sees.
const innerMid = "0"

// plain is the description as pion gets it: the audio section alone, with
// nothing in it that we did not ask for. Its direction is always sendrecv,
// because pion stops a transceiver for good when it reads inactive, and
// answers sendonly with sendrecv; holding is ours to do. Candidates take their
// own way, through the same checks as those that come later.
func (d *description) plain(list []codec) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE %s", innerMid)
	if d.lite {
		line("a=ice-lite")
	}
	numbers := make([]string, len(list))
	for i, c := range list {
		numbers[i] = fmt.Sprint(c.pt)
	}
	line("m=audio 9 UDP/TLS/RTP/SAVPF %s\r\nc=IN IP4 0.0.0.0", strings.Join(numbers, " "))
	line("a=mid:%s\r\na=sendrecv\r\na=rtcp-mux\r\na=msid:far audio", innerMid)
	line("a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=ice-options:trickle", d.ufrag, d.pwd)
	line("a=fingerprint:sha-256 %s\r\na=setup:%s", d.print, setupOf(d.setup))
	for _, c := range list {
		line("a=rtpmap:%d %s", c.pt, rtpmap(c.Format))
		if f := fmtp(c.Format); f != "" {
			line("a=fmtp:%d %s", c.pt, f)
		}
	}
	if d.ssrc != "" {
		line("a=ssrc:%s cname:far", d.ssrc)
	}
	return b.String()
}

// setupOf reads an unknown role as one that leaves the choice to us
// (RFC 5763 §5).
func setupOf(s string) string {
	if s == "active" || s == "passive" {
		return s
	}
	return "actpass"
}

// reply is the direction to answer with (RFC 3264 §6.1), holding if we do not
// want to hear the far end.
func reply(offered string, holding bool) string {
	switch {
	case offered == sdp.AttrKeySendOnly && holding:
		return sdp.AttrKeyInactive
	case offered == sdp.AttrKeySendOnly:
		return sdp.AttrKeyRecvOnly
	case offered == sdp.AttrKeyRecvOnly, offered == sdp.AttrKeySendRecv && holding:
		return sdp.AttrKeySendOnly
	}
	return offered
}

// compose dresses ours, the one section of a description by pion, for the
// far end's description d: one section for each of its own, in order (RFC 3264
// §6), ours under the name the far end gave it and with a direction of our
// choice, the others refused.
func (d *description) compose(s *sdp.SessionDescription, list []codec, direction string) (string, error) {
	ours := s.MediaDescriptions[0]
	mid, named := d.section().Attribute(sdp.AttrKeyMID)
	dress(ours, mid, named, direction)
	narrow(ours, list)
	s.Attributes = without(s.Attributes, sdp.AttrKeyGroup)
	s.MediaDescriptions = nil
	group := "BUNDLE"
	for i, m := range d.sdp.MediaDescriptions {
		id, _ := m.Attribute(sdp.AttrKeyMID)
		switch {
		case i == d.audio:
			m = ours
		case m == d.bundled && inUse(m):
			m = idle(m, ours)
		default:
			m, id = refuse(m), ""
		}
		if d.inBundle(id) {
			group += " " + id
		}
		s.MediaDescriptions = append(s.MediaDescriptions, m)
	}
	if d.inBundle(mid) {
		s.WithValueAttribute(sdp.AttrKeyGroup, group)
	}
	text, err := s.Marshal()
	return string(text), err
}

func dress(m *sdp.MediaDescription, mid string, named bool, direction string) {
	list := m.Attributes[:0]
	for _, a := range m.Attributes {
		switch a.Key {
		case sdp.AttrKeyMID:
			if !named {
				continue
			}
			a.Value = mid
		case sdp.AttrKeySendRecv, sdp.AttrKeySendOnly, sdp.AttrKeyRecvOnly, sdp.AttrKeyInactive:
			a.Key = direction
		}
		list = append(list, a)
	}
	m.Attributes = list
}

// narrow leaves the payload types of list alone: where a later offer renumbers
// them, pion goes on naming the old ones too.
func narrow(m *sdp.MediaDescription, list []codec) {
	m.MediaName.Formats = m.MediaName.Formats[:0]
	keep := map[string]bool{}
	for _, c := range list {
		number := strconv.Itoa(int(c.pt))
		m.MediaName.Formats = append(m.MediaName.Formats, number)
		keep[number] = true
	}
	kept := m.Attributes[:0]
	for _, a := range m.Attributes {
		number, _, _ := strings.Cut(a.Value, " ")
		if a.Key != "rtpmap" && a.Key != "fmtp" || keep[number] {
			kept = append(kept, a)
		}
	}
	m.Attributes = kept
}

func without(list []sdp.Attribute, key string) []sdp.Attribute {
	kept := list[:0]
	for _, a := range list {
		if a.Key != key {
			kept = append(kept, a)
		}
	}
	return kept
}

// refuse answers a section with port 0 (RFC 3264 §6). Browsers find a section
// by its mid also when it is refused (RFC 9429 §5.3.1), and Firefox wants an
// address in each.
func refuse(m *sdp.MediaDescription) *sdp.MediaDescription {
	none := &sdp.MediaDescription{
		MediaName: sdp.MediaName{
			Media: m.MediaName.Media, Protos: m.MediaName.Protos, Formats: m.MediaName.Formats[:min(1, len(m.MediaName.Formats))],
		},
		ConnectionInformation: &sdp.ConnectionInformation{
			NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: "0.0.0.0"},
		},
	}
	if mid, ok := m.Attribute(sdp.AttrKeyMID); ok {
		none.WithValueAttribute(sdp.AttrKeyMID, mid)
	}
	for _, a := range m.Attributes {
		if a.Key == "rtpmap" && len(none.MediaName.Formats) == 1 && strings.HasPrefix(a.Value, none.MediaName.Formats[0]+" ") {
			none.WithValueAttribute(a.Key, a.Value)
			break
		}
	}
	return none.WithPropertyAttribute(sdp.AttrKeyInactive)
}

// idle keeps a section without using it: the one whose transport our audio
// shares. A browser that bundles all it has cannot let go of it.
func idle(m, ours *sdp.MediaDescription) *sdp.MediaDescription {
	kept := refuse(m)
	kept.MediaName.Port = ours.MediaName.Port
	for _, a := range ours.Attributes {
		switch a.Key {
		case sdp.AttrKeyConnectionSetup, "ice-ufrag", "ice-pwd", sdp.AttrKeyRTCPMux, sdp.AttrKeyCandidate, sdp.AttrKeyEndOfCandidates:
			kept.Attributes = append(kept.Attributes, a)
		}
	}
	return kept
}
