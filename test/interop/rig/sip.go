package rig

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"time"
)

// Message is one SIP message, for tests that look into it.
type Message struct {
	First  string // the request or status line
	Header textproto.MIMEHeader
	Body   string
	At     time.Time // when it came
}

// The short names of RFC 3261 §7.3.3 and of REFER that the gateway may use.
var short = map[string]string{"V": "Via", "F": "From", "T": "To", "I": "Call-Id", "M": "Contact", "C": "Content-Type", "L": "Content-Length",
	"K": "Supported", "S": "Subject", "R": "Refer-To", "B": "Referred-By", "O": "Event", "X": "Session-Expires"}

func parseSIP(raw []byte) (m Message, ok bool) {
	in := bufio.NewReader(bytes.NewReader(raw))
	r := textproto.NewReader(in)
	first, err := r.ReadLine()
	if err != nil {
		return m, false
	}
	h, err := r.ReadMIMEHeader()
	if err != nil && len(h) == 0 {
		return m, false
	}
	for brief, long := range short {
		if v, there := h[brief]; there {
			h[long] = v
			delete(h, brief)
		}
	}
	body, err := io.ReadAll(in)
	return Message{First: first, Header: h, Body: string(body), At: time.Now()}, err == nil
}

// Method is a request's; of a response it is "".
func (m Message) Method() string {
	if m.Status() != "" {
		return ""
	}
	method, _, _ := strings.Cut(m.First, " ")
	return method
}

// Status is a response's code; of a request it is "".
func (m Message) Status() string {
	if rest, isResponse := strings.CutPrefix(m.First, "SIP/2.0 "); isResponse {
		code, _, _ := strings.Cut(rest, " ")
		return code
	}
	return ""
}

// URI is a request's target.
func (m Message) URI() string {
	parts := strings.Split(m.First, " ")
	if m.Status() != "" || len(parts) < 2 {
		return ""
	}
	return parts[1]
}

// Get is a header's first value.
func (m Message) Get(name string) string { return m.Header.Get(name) }

// Direction is that of the audio: "sendrecv" where the description names none,
// "" where there is no description.
func (m Message) Direction() string {
	for line := range strings.Lines(m.Body) {
		switch d := strings.TrimPrefix(strings.TrimSpace(line), "a="); d {
		case "sendrecv", "sendonly", "recvonly", "inactive":
			return d
		}
	}
	if strings.Contains(m.Body, "m=audio") {
		return "sendrecv"
	}
	return ""
}

// tag of a From or To.
func tag(value string) string {
	_, after, _ := strings.Cut(value, ";tag=")
	t, _, _ := strings.Cut(after, ";")
	return t
}

// target is the URI in angle brackets.
func target(value string) string {
	_, after, _ := strings.Cut(value, "<")
	uri, _, _ := strings.Cut(after, ">")
	return uri
}

// reply writes a response to a request.
func (m Message) reply(status, toTag, contact, body string, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %s\r\n", status)
	for _, v := range m.Header["Via"] {
		fmt.Fprintf(&b, "Via: %s\r\n", v)
	}
	to := m.Get("To")
	if tag(to) == "" && toTag != "" {
		to += ";tag=" + toTag
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: <sip:%s>\r\n", m.Get("From"), to, m.Get("Call-Id"), m.Get("Cseq"), contact)
	return b.String() + tailOf(body, headers)
}

func tailOf(body string, headers []string) string {
	var b strings.Builder
	typed := false
	for _, h := range headers {
		b.WriteString(h + "\r\n")
		typed = typed || strings.HasPrefix(h, "Content-Type:")
	}
	if body != "" && !typed {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}
