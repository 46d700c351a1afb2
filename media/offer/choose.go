package offer

import (
	"fmt"
	"net/netip"
	"strings"

	"roomline/media"
)

// static are the payload types that need no a=rtpmap (RFC 3551 §6), as far as
// telephony still uses them.
func static(pt uint8) media.Format {
	switch pt {
	case 0:
		return media.PCMU
	case 3:
		return media.Format{Name: "GSM", ClockRate: 8000, Channels: 1}
	case 8:
		return media.PCMA
	case 9:
		return media.G722
	case 13:
		return media.Format{Name: "CN", ClockRate: 8000, Channels: 1}
	case 18:
		return media.Format{Name: "G729", ClockRate: 8000, Channels: 1}
	}
	return media.Format{}
}

// protection is how a profile encrypts.
type protection uint8

const (
	bare       protection = iota
	keyed                 // by keys in the description
	handshaken            // by DTLS
)

// profile says whether RTP flows over proto, and how it is encrypted.
func profile(proto string) (rtp bool, how protection) {
	switch strings.ToUpper(proto) {
	case "RTP/AVP", "RTP/AVPF":
		return true, bare
	case "RTP/SAVP", "RTP/SAVPF":
		return true, keyed
	case "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF":
		return true, handshaken
	}
	return false, bare
}

// audio chooses the stream: of those that the policy may use one that we could
// speak, then the best protected, then the first; else none with the reason.
func (d *description) audio(p Policy) (Audio, error) {
	var best *Audio
	var failed, refused error
	score, stopped := -1, -1
	for i := range d.streams {
		s := &d.streams[i]
		rtp, how := profile(s.line.Proto)
		if !strings.EqualFold(s.line.Media, "audio") || !rtp {
			continue
		}
		if s.port == 0 {
			stopped = i
			continue
		}
		web := s.web.within(d.session.web)
		if err := p.usable(how, s.keys, web); err != nil {
			refused = err
			continue
		}
		a, err := d.usable(i)
		if err != nil {
			failed = err
			continue
		}
		if p != Off {
			a.Secure, a.Keys, a.web = how != bare, s.keys, web
		}
		liked := p.rank(how != bare, s.keys)
		if len(a.Formats()) > 0 {
			liked += 10
		}
		if liked > score {
			best, score = &a, liked
		}
	}
	switch {
	case best != nil:
		return *best, nil
	case failed != nil:
		return Audio{}, failed
	case refused != nil:
		return Audio{Lines: d.lines()}, refused
	case stopped >= 0 && d.idle():
		return Audio{Index: stopped, Lines: d.lines()}, ErrStopped
	}
	return Audio{Lines: d.lines()}, ErrNoAudio
}

// usable makes the i-th section, with what the session part says for all, into
// an audio stream.
func (d *description) usable(i int) (Audio, error) {
	s := &d.streams[i]
	conn, bad := s.conn, s.badConn
	if !conn.IsValid() && bad == "" {
		conn, bad = d.session.conn, d.session.badConn
	}
	if !conn.IsValid() {
		if bad == "" {
			bad = "no c= line"
		}
		return Audio{}, fmt.Errorf("%w: %s for stream %d", ErrSyntax, bad, i+1)
	}
	a := Audio{Addr: netip.AddrPortFrom(conn, uint16(s.port)), Index: i, Lines: d.lines()}
	a.Codecs, a.Events = s.codecs()
	a.Direction = d.direction(s, conn)
	a.Ptime = s.ptime
	if a.Ptime == 0 {
		a.Ptime = d.session.ptime
	}
	if a.Ptime == 0 {
		a.Ptime = defaultPtime
	}
	return a, nil
}

// direction counts c=0.0.0.0 as a far end that does not receive (RFC 3264 §8.4),
// unless ICE is to find where it is (RFC 8839 §4.3.1).
func (d *description) direction(s *section, conn netip.Addr) Direction {
	dir := d.session.dir
	if s.hasDir {
		dir = s.dir
	}
	_, how := profile(s.line.Proto)
	return direction(dir.sends(), dir.receives() && (!conn.IsUnspecified() || how == handshaken))
}

func (s *section) codecs() (codecs, events []Codec) {
	for _, pt := range s.pts {
		f, ok := s.mapped[pt]
		if !ok {
			f = static(pt)
		}
		c := Codec{PT: pt, Format: f, Fmtp: s.fmtp[pt]}
		if isEvent(f) {
			events = append(events, c)
		} else {
			codecs = append(codecs, c)
		}
	}
	return codecs, events
}

func (d *description) lines() []MLine {
	lines := make([]MLine, len(d.streams))
	for i := range d.streams {
		lines[i] = d.streams[i].line
	}
	return lines
}
