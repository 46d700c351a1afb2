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

// tightened leaves one space between the two words of a CSeq, in place; what is
// over stands behind them (RFC 3261 §7.3.1: any white space is like one space).
func tightened(value []byte) []byte {
	gap := bytes.IndexAny(value, " \t")
	if gap < 0 {
		return value
	}
	word := bytes.TrimLeft(value[gap:], " \t")
	value[gap] = ' '
	n := gap + 1 + copy(value[gap+1:], word)
	for i := n; i < len(value); i++ {
		value[i] = ' '
	}
	return value[:n]
}

// squeezed takes the white space beside semicolons and equals signs away, in
// place, but for that in quotes; what is over stands behind (RFC 3261 §25.1:
// SEMI and EQUAL).
func squeezed(value []byte) []byte {
	const glue = ";="
	n, quoted := 0, false
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case quoted && c == '\\' && i+1 < len(value):
			value[n] = c
			n, i = n+1, i+1
			c = value[i]
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t'):
			next := bytes.TrimLeft(value[i:], " \t")
			if len(next) == 0 || bytes.IndexByte([]byte(glue), next[0]) >= 0 || n > 0 && bytes.IndexByte([]byte(glue), value[n-1]) >= 0 {
				continue
			}
		}
		value[n] = c
		n++
	}
	for i := n; i < len(value); i++ {
		value[i] = ' '
	}
	return value[:n]
}
