package sip

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// maxEcho is how long a value may be that a message without sense gets back.
const maxEcho = 1 << 10

// tagFor is the To tag of answers that are given without keeping anything: the
// same again for a repetition (RFC 3261 §8.2.7).
func (a *Agent) tagFor(words ...string) string {
	var h maphash.Hash
	h.SetSeed(a.seed)
	for _, w := range words {
		h.WriteString(w)
		h.WriteByte(0)
	}
	return fmt.Sprintf("%s%016x", a.token, h.Sum64())
}

// objection is the verdict on a message that no parser should read.
func (a *Agent) objection(b []byte, m raw, r refusal, from netip.AddrPort) verdict {
	a.malformed.Add(1)
	if !a.budgets.allow(from.Addr(), junk) {
		a.tooMany()
		return verdict{fatal: m.lost}
	}
	return verdict{reply: a.answer(b, m, r, "", from), to: m.returnTo(from), fatal: m.lost}
}

// answer refuses a request from its bytes, where it has what an answer needs;
// else it is nil. ACK and responses have none. Without a tag it is one that a
// repetition gets again.
func (a *Agent) answer(b []byte, m raw, r refusal, tag string, from netip.AddrPort) []byte {
	if !m.request || bytes.EqualFold(m.method, []byte(sipmsg.ACK)) {
		return nil
	}
	for _, value := range [][]byte{m.via, m.from, m.to, m.callID, m.cseq} {
		if len(value) > maxEcho {
			return nil
		}
	}
	if len(m.via) == 0 || len(m.cseq) == 0 {
		return nil
	}
	var out strings.Builder
	fmt.Fprintf(&out, "SIP/2.0 %d %s\r\n", r.status, r.phrase)
	fmt.Fprintf(&out, "Via: %s\r\n", m.received(from))
	for _, via := range m.below(b) {
		fmt.Fprintf(&out, "Via: %s\r\n", via)
	}
	if tag == "" {
		tag = a.tagFor(string(m.callID), string(m.cseq))
	}
	to := string(m.to)
	if to != "" && len(tagIn(m.to)) == 0 {
		to += ";tag=" + tag
	}
	for _, h := range [][2]string{{"From", string(m.from)}, {"To", to}, {"Call-ID", string(m.callID)}, {"CSeq", string(m.cseq)}, {"Server", a.product}} {
		if h[1] != "" {
			fmt.Fprintf(&out, "%s: %s\r\n", h[0], h[1])
		}
	}
	for _, h := range r.headers {
		fmt.Fprintf(&out, "%s: %s\r\n", h.Name(), h.Value())
	}
	out.WriteString("Content-Length: 0\r\n\r\n")
	return []byte(out.String())
}

// received is the topmost Via with the place that the message came from, where
// it asks for that (RFC 3581 §4).
func (m raw) received(from netip.AddrPort) string {
	via := string(m.via)
	first, others, several := strings.Cut(via, ",")
	params := strings.Split(first, ";")
	for i, p := range params[1:] {
		if strings.EqualFold(strings.TrimSpace(p), "rport") {
			params[i+1] = "rport=" + strconv.Itoa(int(from.Port())) + ";received=" + from.Addr().Unmap().String()
		}
	}
	if via = strings.Join(params, ";"); several {
		via += "," + others
	}
	return via
}

// below are the Via lines under the topmost, each as it came.
func (m raw) below(b []byte) []string {
	var all []string
	_, rest, ok := cutLine(b)
	for n := 0; ok; {
		var line []byte
		if line, rest, ok = header(rest); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if fieldOf(name) != viaField || len(value) > maxEcho {
			continue
		}
		if n++; n > 1 {
			all = append(all, string(bytes.TrimSpace(value)))
		}
	}
	return all
}

// returnTo is where an answer over UDP goes: back to the address that the
// message came from, whatever name it gives itself; to the port that it came
// from if it asks for that (RFC 3581 §4), else to that of its Via (RFC 3261
// §18.2.2).
func (m raw) returnTo(from netip.AddrPort) netip.AddrPort {
	first, _, _ := strings.Cut(string(m.via), ",")
	sentBy, params, _ := strings.Cut(first, ";")
	for p := range strings.SplitSeq(params, ";") {
		if name, _, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(name), "rport") {
			return from
		}
	}
	port := uint64(sipmsg.DefaultUdpPort)
	if colon := strings.LastIndexByte(sentBy, ':'); colon > strings.LastIndexByte(sentBy, ']') {
		if n, err := strconv.ParseUint(strings.TrimSpace(sentBy[colon+1:]), 10, 16); err == nil && n > 0 {
			port = n
		}
	}
	return netip.AddrPortFrom(from.Addr(), uint16(port))
}

// returned tells whether a response came back on the way that a request of ours
// took: with our address in its topmost Via (RFC 3261 §18.1.2).
func (a *Agent) returned(res *sipmsg.Response) bool {
	via := res.Via()
	return via != nil && slices.ContainsFunc(a.listeners, func(l *listener) bool {
		return strings.Trim(l.hostFor(sourceOf(res)), "[]") == strings.Trim(via.Host, "[]")
	})
}
