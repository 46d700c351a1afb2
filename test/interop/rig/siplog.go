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
func (b *Bed) SIP(since Mark, number string) ([]string, error) {
	f, err := os.Open(b.sipLog())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(int64(since), io.SeekStart); err != nil {
		return nil, err
	}
	var lines []string
	dir, first, ours := "", "", false
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line := strings.TrimSpace(sc.Text())
		switch {
		case strings.Contains(line, "<--- Transmitting SIP "):
			dir, first, ours = "> ", "", false
		case strings.Contains(line, "<--- Received SIP "):
			dir, first, ours = "< ", "", false
		case dir == "" || ours:
		case first == "":
			first = firstLine(line)
		case strings.HasPrefix(line, "From:") || strings.HasPrefix(line, "To:"):
			if ours = strings.Contains(line, number); ours {
				lines = append(lines, dir+first)
			}
		case line == "":
			dir = ""
		}
	}
	return lines, nil
}

// firstLine is the method of a request, the status of a response.
func firstLine(line string) string {
	if status, ok := strings.CutPrefix(line, "SIP/2.0 "); ok {
		return status
	}
	method, _, _ := strings.Cut(line, " ")
	return method
}
