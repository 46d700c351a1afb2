package offer

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"roomline/media"
)

// Parse reads a session description as leniently as carriers write them: lines
// may end in LF alone, stand in any order within their section, be of unknown
// kinds, or be missing where audio does not depend on them. It returns the
// first audio stream that shares a format with this program, else the first
// that has a port at all. Host names are refused, never resolved. Encrypted
// audio is not for it: see Policy.Parse.
func Parse(sdp []byte) (Audio, error) { return Off.Parse(sdp) }

// Parse reads a session description as the function does, and of several audio
// streams takes the one that the policy likes best. It fails with ErrSecure,
// ErrPlain or ErrNoKey where it may use none.
func (p Policy) Parse(sdp []byte) (Audio, error) {
	if len(sdp) > maxBytes || bytes.Count(sdp, []byte{'\n'}) > maxLines {
		return Audio{}, fmt.Errorf("%w: over %d lines or %d KiB", ErrTooLarge, maxLines, maxBytes>>10)
	}
	var d description
	for i, line := range strings.Split(string(sdp), "\n") {
		if err := d.line(strings.TrimRight(line, "\r \t\x00")); err != nil {
			return Audio{}, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return d.audio(p)
}

// description is a session description half read.
type description struct {
	session section
	streams []section
}

// section is the session part, or one m= line and what follows it.
type section struct {
	line    MLine
	port    int
	pts     []uint8
	mapped  map[uint8]media.Format
	fmtp    map[uint8]string
	conn    netip.Addr
	badConn string // why c= could not be used, judged only if it is needed
	dir     Direction
	hasDir  bool
	ptime   time.Duration
	keys    []Crypto
	web     webSide
}

func (d *description) at() *section {
	if len(d.streams) == 0 {
		return &d.session
	}
	return &d.streams[len(d.streams)-1]
}

func (d *description) line(line string) error {
	if line == "" {
		return nil
	}
	if len(line) < 2 || line[1] != '=' {
		return fmt.Errorf("%w: expected <letter>=<value>", ErrSyntax)
	}
	value := line[2:]
	switch line[0] {
	case 'v':
		if value != "0" {
			return fmt.Errorf("%w: version is not 0", ErrSyntax)
		}
	case 'm':
		return d.stream(value)
	case 'c':
		d.at().connection(value)
	case 'a':
		d.at().attribute(value)
	}
	return nil
}

// stream reads "audio 49170/1 RTP/AVP 0 8" (RFC 8866 §5.14).
func (d *description) stream(value string) error {
	if len(d.streams) == maxStreams {
		return fmt.Errorf("%w: over %d streams", ErrTooLarge, maxStreams)
	}
	words := strings.Fields(value)
	if len(words) < 3 {
		return fmt.Errorf("%w: m= needs media, port, protocol", ErrSyntax)
	}
	if len(words)-3 > maxFormats {
		return fmt.Errorf("%w: over %d formats", ErrTooLarge, maxFormats)
	}
	for _, w := range words {
		if !printable(w) {
			return fmt.Errorf("%w: m= holds unprintable characters", ErrSyntax)
		}
	}
	number, _, _ := strings.Cut(words[1], "/")
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return fmt.Errorf("%w: m= port is not 0 to 65535", ErrSyntax)
	}
	s := section{port: int(port), line: MLine{words[0], words[2], strings.Join(words[3:], " ")}}
	s.formats(words[3:])
	d.streams = append(d.streams, s)
	return nil
}

// formats keeps the payload types; what is not a number belongs to another
// kind of stream, such as image/t38.
func (s *section) formats(words []string) {
	var seen [128]bool
	for _, w := range words {
		if pt, ok := payloadType(w); ok && !seen[pt] {
			seen[pt] = true
			s.pts = append(s.pts, pt)
		}
	}
}

func payloadType(w string) (uint8, bool) {
	n, err := strconv.ParseUint(w, 10, 7)
	return uint8(n), err == nil
}

// connection reads "IN IP4 192.0.2.1/127" (RFC 8866 §5.7).
func (s *section) connection(value string) {
	words := strings.Fields(value)
	if len(words) != 3 || words[0] != "IN" {
		s.badConn = "c= is not IN IP4 or IP6 with an address"
		return
	}
	host, _, _ := strings.Cut(words[2], "/")
	addr, err := netip.ParseAddr(host)
	addr = addr.Unmap()
	if err != nil || addr.Zone() != "" || addr.IsMulticast() || addr == broadcast {
		s.badConn = "c= is not a unicast IP address"
		return
	}
	s.conn, s.badConn = addr, ""
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
