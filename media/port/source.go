package port

import "time"

const (
	maxDropout  = 3000 // packets, RFC 3550 A.1
	maxMisorder = 64   // packets that we remember to tell repeats
)

// source counts what comes from the far end, as RFC 3550 A.1, A.3 and A.8 do.
type source struct {
	known    bool
	ssrc     uint32
	base     uint64 // the first number, and the highest, past their turns
	highest  uint64
	seen     uint64 // of the 64 numbers up to highest, bit 0 the highest
	bad      int    // the number that would prove a jump; below 0: none
	received uint64

	lostBefore uint64 // of earlier sources

	transit uint32
	timed   bool    // transit is set
	jitter  float64 // in units of clock
	clock   int

	reported struct{ expected, received uint64 } // at the last RTCP report
}

// accept counts a packet. It is false for a repeat, for one that is too late,
// and for the first after a jump, which two in sequence must prove.
func (s *source) accept(ssrc uint32, seq uint16) bool {
	if !s.known || s.ssrc != ssrc {
		s.begin(ssrc, seq)
		return true
	}
	ahead := int(int16(seq - uint16(s.highest)))
	switch {
	case ahead > 0 && ahead < maxDropout:
		s.highest += uint64(ahead)
		s.seen = s.seen<<ahead | 1
	case ahead <= 0 && ahead > -maxMisorder:
		bit := uint64(1) << -ahead
		if s.seen&bit != 0 || s.highest-s.base < uint64(-ahead) {
			return false
		}
		s.seen |= bit
	case int(seq) == s.bad:
		s.begin(ssrc, seq)
		return true
	default:
		s.bad = int(seq + 1)
		return false
	}
	s.bad = -1
	s.received++
	return true
}

// begin starts a new source, or the same one anew.
func (s *source) begin(ssrc uint32, seq uint16) {
	s.lostBefore += s.lost()
	*s = source{
		known: true, ssrc: ssrc, base: uint64(seq), highest: uint64(seq), seen: 1, bad: -1, received: 1,
		lostBefore: s.lostBefore, jitter: s.jitter, clock: s.clock,
	}
}

// forget lets the next packet begin a new source, whatever its SSRC: it comes
// from another address.
func (s *source) forget() {
	s.lostBefore += s.lost()
	s.known, s.received = false, 0
	s.reported.expected, s.reported.received = 0, 0
}

// time takes in when a packet of audio came (A.8). A timestamp that jumps is no
// jitter.
func (s *source) time(ts uint32, clock int, since time.Duration) {
	if clock != s.clock {
		s.clock, s.jitter, s.timed = clock, 0, false
	}
	transit := uint32(since.Microseconds()*int64(clock)/1_000_000) - ts
	d := int64(int32(transit - s.transit))
	if d < 0 {
		d = -d
	}
	if s.timed && d < int64(2*clock) {
		s.jitter += (float64(d) - s.jitter) / 16
	}
	s.transit, s.timed = transit, true
}

func (s *source) expected() uint64 {
	if !s.known {
		return 0
	}
	return s.highest - s.base + 1
}

// lost is what the current source was expected to bring and did not.
func (s *source) lost() uint64 { return s.expected() - s.received }

// delay is the jitter as time.
func (s *source) delay() time.Duration {
	if s.clock == 0 {
		return 0
	}
	return time.Duration(s.jitter * float64(time.Second) / float64(s.clock))
}

// fraction is the share lost since the last report, in 256ths (A.3).
func (s *source) fraction() uint8 {
	expected := s.expected() - s.reported.expected
	received := s.received - s.reported.received
	s.reported.expected, s.reported.received = s.expected(), s.received
	if expected == 0 || received >= expected {
		return 0
	}
	return uint8(min((expected-received)*256/expected, 255))
}
