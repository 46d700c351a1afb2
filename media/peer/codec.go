package peer

import (
	"strconv"
	"strings"

	"github.com/pion/webrtc/v4"

	"roomline/media"
)

// codec is one payload type of an audio m-line.
type codec struct {
	media.Format
	pt uint8
}

// Payload types that we name when we offer; a far end that offers names its own.
const (
	offeredOpus       = 111
	offeredEvent8000  = 126
	offeredEvent48000 = 110
	eventName         = "telephone-event"
)

// static gives the payload types of RFC 3551 §6 that need no rtpmap.
var static = map[uint8]media.Format{0: media.PCMU, 8: media.PCMA, 9: media.G722}

// known is every encoding that a call may carry.
var known = [...]media.Format{media.PCMU, media.PCMA, media.G722, media.Opus}

func isKnown(f media.Format) bool {
	for _, k := range known {
		if k.Same(f) {
			return true
		}
	}
	return false
}

func event(clock int) media.Format {
	return media.Format{Name: eventName, ClockRate: clock, Channels: 1}
}

func isEvent(f media.Format) bool { return strings.EqualFold(f.Name, eventName) }

// fmtp is what we say about an encoding, whatever the far end said: no usedtx,
// so that a browser keeps sending in silence (RFC 7587 §6.1); all sixteen
// DTMF digits (RFC 4733 §2.4.1).
func fmtp(f media.Format) string {
	switch {
	case f.Same(media.Opus):
		return "minptime=10;useinbandfec=1"
	case isEvent(f):
		return "0-15"
	}
	return ""
}

// rtpmap is the encoding as RFC 8866 §6.6 writes it.
func rtpmap(f media.Format) string {
	s := f.Name + "/" + strconv.Itoa(f.ClockRate)
	if f.Channels > 1 {
		s += "/" + strconv.Itoa(f.Channels)
	}
	return s
}

// offered numbers the formats for an offer of ours, followed by
// telephone-event at each clock rate among them (RFC 4733 §2.5.1.1 wants the
// event on the clock of the audio it accompanies).
func offered(formats []media.Format) []codec {
	var list []codec
	clocks := map[int]uint8{8000: offeredEvent8000}
	for _, f := range formats {
		pt := uint8(offeredOpus)
		for n, s := range static {
			if s.Same(f) {
				pt = n
			}
		}
		if f.Same(media.Opus) {
			clocks[48000] = offeredEvent48000
		}
		list = append(list, codec{f, pt})
	}
	for _, clock := range [...]int{48000, 8000} {
		if pt, ok := clocks[clock]; ok {
			list = append(list, codec{event(clock), pt})
		}
	}
	return list
}

// eventFor is the telephone-event that goes with f: on f's clock, else on any.
func eventFor(f media.Format, list []codec) (codec, bool) {
	var found codec
	var ok bool
	for _, c := range list {
		if isEvent(c.Format) && (!ok || c.ClockRate == f.ClockRate && found.ClockRate != f.ClockRate) {
			found, ok = c, true
		}
	}
	return found, ok
}

func find(f media.Format, list []codec) (codec, bool) {
	for _, c := range list {
		if c.Same(f) {
			return c, true
		}
	}
	return codec{}, false
}

func parameters(c codec) webrtc.RTPCodecParameters {
	channels := uint16(0) // pion's way of leaving the parameter out
	if c.Channels > 1 {
		channels = uint16(c.Channels)
	}
	return webrtc.RTPCodecParameters{
		PayloadType: webrtc.PayloadType(c.pt),
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: "audio/" + c.Name, ClockRate: uint32(c.ClockRate), Channels: channels, SDPFmtpLine: fmtp(c.Format),
		},
	}
}
