package sip

import "bytes"

// cutLine takes one line off b. A line ends with CRLF, and neither of the two
// stands anywhere else (RFC 3261 §7): to some readers a lone LF ends a line.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexByte(b, '\n')
	if end < 1 || bytes.IndexByte(b[:end], '\r') != end-1 {
		return nil, b, false
	}
	return b[:end-1], b[end+1:], true
}

// header takes one header off b. It joins its lines, and closes the gap before
// the colon (RFC 3261 §7.3.1): each CRLF becomes two spaces, and the colon
// changes places with the space.
func header(b []byte) (line, rest []byte, ok bool) {
	line, rest, ok = cutLine(b)
	for ok && len(line) > 0 && len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') && len(line) <= maxLine {
		n := len(line)
		b[n], b[n+1] = ' ', ' '
		var more []byte
		if more, rest, ok = cutLine(rest); ok {
			line = b[:n+2+len(more)]
		}
	}
	if colon := bytes.IndexByte(line, ':'); colon > 0 {
		if name := bytes.TrimRight(line[:colon], " \t"); len(name) < colon {
			line[colon], line[len(name)] = ' ', ':'
		}
	}
	return line, rest, ok
}

// token tells whether b is a token (RFC 3261 §25.1).
func token(b []byte) bool {
	for _, c := range b {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case bytes.IndexByte([]byte("-.!%*_+`'~"), c) >= 0:
		default:
			return false
		}
	}
	return len(b) > 0
}

// tagIn finds the tag of a From or To value; empty: there is none.
func tagIn(value []byte) []byte {
	if end := bytes.LastIndexByte(value, '>'); end >= 0 {
		value = value[end+1:]
	}
	for len(value) > 0 {
		var p []byte
		if _, p, _ = bytes.Cut(value, []byte(";")); len(p) == 0 {
			return nil
		}
		value = p
		if end := bytes.IndexByte(p, ';'); end >= 0 {
			p = p[:end]
		}
		name, tag, _ := bytes.Cut(p, []byte("="))
		if bytes.EqualFold(bytes.TrimSpace(name), []byte("tag")) {
			return bytes.TrimSpace(tag)
		}
	}
	return nil
}
