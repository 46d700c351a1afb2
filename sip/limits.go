package sip

import (
	"bytes"
	"strconv"
	"strings"
)

// Limits of what one message may hold.
const (
	maxMessage = 64 << 10 // bytes
	maxHeaders = 100
	maxVia     = 20
	maxLine    = 8 << 10  // bytes of one header line
	maxBody    = 32 << 10 // bytes
	maxURI     = 512      // bytes of the Request-URI
	maxMethod  = 64       // bytes
	maxCSeq    = 1<<31 - 1
)

// raw is a message as its bytes show it, before anything parses it. The slices
// are parts of the message.
type raw struct {
	request        bool
	method, target []byte // of a request
	via            []byte // the topmost Via line's value
	from, to       []byte
	callID, cseq   []byte
	head           int  // bytes up to and with the empty line
	length         int  // Content-Length; -1: there is none
	lost           bool // nobody can tell where the message ends

	fields, vias int
	seen         [fields]bool
}

// field is a header that the limits know.
type field int

const (
	other field = iota
	viaField
	fromField
	toField
	callIDField
	cseqField
	lengthField
	typeField
	forwardsField
	replacesField
	fields
)

// fieldOf knows the long and the compact name (RFC 3261 §7.3.3).
func fieldOf(name []byte) field {
	var low [16]byte
	if len(name) > len(low) {
		return other
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	switch string(low[:len(name)]) {
	case "via", "v":
		return viaField
	case "from", "f":
		return fromField
	case "to", "t":
		return toField
	case "call-id", "i":
		return callIDField
	case "cseq":
		return cseqField
	case "content-length", "l":
		return lengthField
	case "content-type", "c":
		return typeField
	case "max-forwards":
		return forwardsField
	case "replaces":
		return replacesField
	}
	return other
}

// read finds the parts of a message, and judges its shape and size. It changes
// what can be written in two ways into one of them, in place and without moving
// a byte: so whoever reads next cannot read another message.
func read(b []byte) (raw, refusal) {
	m := raw{length: -1}
	line, rest, ok := cutLine(b)
	if !ok {
		m.lost = true
		return m, refuse(400, "Bad Start Line")
	}
	verdict := m.start(line)
	for {
		if line, rest, ok = header(rest); !ok {
			m.lost = true
			return m, refuse(400, "Bad Line End")
		}
		if len(line) == 0 {
			m.head = len(b) - len(rest)
			break
		}
		if r := m.header(line); r.status != 0 && verdict.status == 0 {
			verdict = r
		}
	}
	switch {
	case verdict.status != 0:
		return m, verdict
	case m.fields > maxHeaders || m.vias > maxVia:
		return m, refuse(400, "Too Many Header Fields")
	case m.length > maxMessage:
		m.lost = true
		return m, refuse(513, "Message Too Large")
	case m.length > maxBody:
		m.lost = true
		return m, refuse(413, "Request Entity Too Large")
	}
	return m, refusal{}
}

// start reads the first line, which has precisely two spaces, or at least one
// in a response (RFC 3261 §7.1, §7.2).
func (m *raw) start(line []byte) refusal {
	first, rest, _ := bytes.Cut(line, []byte(" "))
	second, third, found := bytes.Cut(rest, []byte(" "))
	if bytes.EqualFold(first, []byte("SIP/2.0")) {
		if !found || !status(second) {
			return refuse(400, "Bad Status Line")
		}
		return refusal{}
	}
	m.method, m.target = first, second
	if len(third) < 4 || !bytes.EqualFold(third[:4], []byte("SIP/")) && bytes.Contains(third, []byte(" SIP/")) {
		m.request = bytes.Contains(third, []byte(" SIP/"))
		return refuse(400, "Bad Request Line")
	}
	m.request = bytes.EqualFold(third[:4], []byte("SIP/")) && token(first) && len(first) <= maxMethod
	switch {
	case !m.request || bytes.ContainsAny(third, " \t"):
		return refuse(400, "Bad Request Line")
	case !bytes.EqualFold(third, []byte("SIP/2.0")):
		return refuse(505, "Version Not Supported")
	case len(second) > maxURI:
		return refuse(414, "Request-URI Too Long")
	case len(second) == 0 || second[0] == '<':
		return refuse(400, "Bad Request-URI")
	}
	switch scheme, _, _ := bytes.Cut(second, []byte(":")); strings.ToLower(string(scheme)) {
	case "sip", "sips", "tel":
		return refusal{}
	}
	return refuse(416, "Unsupported URI Scheme") // which the library may not read at all
}

// status tells whether b is a status code (RFC 3261 §7.2).
func status(b []byte) bool {
	n, err := strconv.ParseUint(string(b), 10, 16)
	return err == nil && len(b) == 3 && n >= 100 && n < 700
}

// header reads one header line.
func (m *raw) header(line []byte) refusal {
	m.fields++
	colon := bytes.IndexByte(line, ':')
	if len(line) > maxLine {
		return refuse(400, "Header Field Too Long")
	}
	if colon < 1 || !token(line[:colon]) {
		return refuse(400, "Bad Header Field")
	}
	f, value := fieldOf(line[:colon]), bytes.Trim(line[colon+1:], " \t")
	again := m.seen[f]
	m.seen[f] = true
	if again && f != other && f != viaField {
		m.lost = m.lost || f == lengthField
		return refuse(400, "Repeated Header Field")
	}
	switch f {
	case viaField:
		if m.vias += 1 + bytes.Count(value, []byte(",")); m.via == nil {
			m.via = value
		}
	case fromField:
		m.from = squeezed(value)
	case toField:
		m.to = squeezed(value)
	case callIDField:
		m.callID = value
	case cseqField:
		m.cseq = tightened(value)
	case lengthField:
		if m.length = digits(value); m.length < 0 {
			m.lost = true
			return refuse(400, "Bad Content-Length")
		}
	}
	return refusal{}
}

// digits reads a number of nothing but digits, up to 2^30; -1: it is none.
func digits(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = min(n*10+int(c-'0'), 1<<30)
	}
	if len(b) == 0 {
		return -1
	}
	return n
}
