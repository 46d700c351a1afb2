package sip

import (
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// info takes a digit that came as a message (RFC 6086, the older of the two
// ways without an RFC).
func (l *leg) info(m request) {
	if m.GetHeader("info-package") != nil { // we asked for none (RFC 6086 §4.2.2)
		l.reply(m, refuse(469, "Bad Info Package", sipmsg.NewHeader("Recv-Info", "")))
		return
	}
	if len(m.Body()) > 0 && !isType(m, "application/dtmf-relay") && !isType(m, "application/dtmf") {
		l.reply(m, refuse(415, "Unsupported Media Type", sipmsg.NewHeader("Accept", "application/dtmf-relay, application/dtmf")))
		return
	}
	l.reply(m, refuse(200, "OK"))
	if d, ok := digitOf(m.Body()); ok {
		l.informed(d)
	}
}

// digitOf reads "Signal=5" or a bare "5".
func digitOf(body []byte) (byte, bool) {
	text := string(body[:min(len(body), 128)])
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' }) {
		key, value, found := strings.Cut(line, "=")
		if !found {
			value = key
		} else if !strings.EqualFold(strings.TrimSpace(key), "signal") {
			continue
		}
		switch value = strings.ToUpper(strings.TrimSpace(value)); value {
		case "10":
			return '*', true
		case "11":
			return '#', true
		}
		if len(value) == 1 && strings.Contains("0123456789*#ABCD", value) {
			return value[0], true
		}
	}
	return 0, false
}
