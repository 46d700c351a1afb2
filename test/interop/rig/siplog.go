package rig

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Mark is a place in Asterisk's log, to look from later.
type Mark int64

func (b *Bed) sipLog() string { return filepath.Join(b.Run, "asterisk", "log", "full") }

// Mark is the end of the log as it is now.
func (b *Bed) Mark() Mark {
	if s, err := os.Stat(b.sipLog()); err == nil {
		return Mark(s.Size())
	}
	return 0
}

// SIP is what Asterisk sent (">") and received ("<") since a mark of calls from or
// to a number, a line a message, repeats included: "< INVITE", "> 486 Busy Here".
func (b *Bed) SIP(since Mark, number string) ([]string, error) { return b.SIPValues(since, number, "") }

// SIPValues is the same of messages with a header, and what it says:
// "< INVITE 1800;refresher=uac".
func (b *Bed) SIPValues(since Mark, number, header string) ([]string, error) {
	f, err := os.Open(b.sipLog())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(int64(since), io.SeekStart); err != nil {
		return nil, err
	}
	var all []string
	var m logged
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if m.take(strings.TrimSpace(sc.Text()), number, header) {
			all = append(all, strings.TrimSpace(m.dir+m.first+" "+m.value))
			m = logged{}
		}
	}
	return all, nil
}

// logged is the message in the log whose lines are being read.
type logged struct {
	dir, first, value string
	ours, had         bool
}

// take reads a line, and tells whether a message that counts is at its end.
func (m *logged) take(line, number, header string) bool {
	switch name, value, _ := strings.Cut(line, ":"); {
	case strings.Contains(line, "<--- Transmitting SIP "):
		*m = logged{dir: "> "}
	case strings.Contains(line, "<--- Received SIP "):
		*m = logged{dir: "< "}
	case m.dir == "":
	case m.first == "":
		m.first = firstLine(line)
	case line == "": // the end of the headers
		whole := m.ours && (header == "" || m.had)
		if !whole {
			*m = logged{}
		}
		return whole
	case name == "From" || name == "To":
		m.ours = m.ours || strings.Contains(line, number)
	case header != "" && strings.EqualFold(name, header):
		m.value, m.had = strings.TrimSpace(value), true
	}
	return false
}

// firstLine is the method of a request, the status of a response.
func firstLine(line string) string {
	if status, ok := strings.CutPrefix(line, "SIP/2.0 "); ok {
		return status
	}
	method, _, _ := strings.Cut(line, " ")
	return method
}
