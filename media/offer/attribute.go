package offer

import (
	"strconv"
	"strings"
	"time"

	"roomline/media"
)

// attribute reads the few a= lines that matter to audio; a broken one is as
// good as none.
func (s *section) attribute(value string) {
	name, rest, _ := strings.Cut(value, ":")
	name = strings.ToLower(strings.TrimSpace(name))
	if s.web.read(name, rest) {
		return
	}
	switch name {
	case "sendrecv":
		s.dir, s.hasDir = SendRecv, true
	case "sendonly":
		s.dir, s.hasDir = SendOnly, true
	case "recvonly":
		s.dir, s.hasDir = RecvOnly, true
	case "inactive":
		s.dir, s.hasDir = Inactive, true
	case "rtpmap":
		s.rtpmap(rest)
	case "fmtp":
		s.parameters(rest)
	case "ptime":
		s.ptime = packetTime(rest)
	case "crypto":
		s.crypto(rest)
	}
}

// rtpmap reads "107 opus/48000/2" (RFC 8866 §6.6). Only numbers that the m=
// line named are kept, so that a flood of others costs nothing.
func (s *section) rtpmap(value string) {
	word, encoding, _ := strings.Cut(strings.TrimSpace(value), " ")
	pt, ok := payloadType(word)
	f, valid := format(strings.TrimSpace(encoding))
	if !ok || !valid || !s.names(pt) {
		return
	}
	if s.mapped == nil {
		s.mapped = map[uint8]media.Format{}
	}
	s.mapped[pt] = f
}

func format(encoding string) (media.Format, bool) {
	parts := strings.Split(encoding, "/")
	if len(parts) < 2 || len(parts) > 3 || len(parts[0]) > 32 || parts[0] == "" || !printable(parts[0]) {
		return media.Format{}, false
	}
	f := media.Format{Name: parts[0], Channels: 1}
	clock, err := strconv.ParseUint(parts[1], 10, 32)
	if err != nil || clock == 0 || clock > maxClock {
		return media.Format{}, false
	}
	f.ClockRate = int(clock)
	if len(parts) == 3 {
		n, err := strconv.ParseUint(parts[2], 10, 3)
		if err != nil || n == 0 {
			return media.Format{}, false
		}
		f.Channels = int(n)
	}
	if strings.EqualFold(f.Name, "G722") && f.ClockRate == 16000 {
		f.ClockRate = 8000 // some handsets name the sampling rate in spite of RFC 3551 §4.5.2
	}
	return f, true
}

func (s *section) parameters(value string) {
	word, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	pt, ok := payloadType(word)
	if !ok || !s.names(pt) {
		return
	}
	if s.fmtp == nil {
		s.fmtp = map[uint8]string{}
	}
	s.fmtp[pt] = strings.TrimSpace(rest)
}

func (s *section) names(pt uint8) bool {
	for _, p := range s.pts {
		if p == pt {
			return true
		}
	}
	return false
}

// packetTime is zero for a number nobody could mean.
func packetTime(value string) time.Duration {
	ms, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16)
	d := time.Duration(ms) * time.Millisecond
	if err != nil || d > maxPtime {
		return 0
	}
	return d
}
