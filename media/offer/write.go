package offer

import (
	"bytes"
	"fmt"
	"strings"
)

// writer puts a session description together, line by line (RFC 8866 §5).
type writer struct{ bytes.Buffer }

func begin(l Local) *writer {
	family, addr := "IP4", l.Addr.Addr().Unmap()
	if addr.Is6() {
		family = "IP6"
	}
	w := &writer{}
	w.line("v=0")
	w.line("o=- %d %d IN %s %s", l.SessionID, l.Version, family, addr)
	w.line("s=-")
	w.line("c=IN %s %s", family, addr)
	w.line("t=0 0")
	if l.Policy == WebRTC {
		w.line("a=ice-lite") // RFC 8839 §5.3
	}
	return w
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\r\n", args...) }

func (w *writer) audio(port uint16, proto string, codecs []Codec, dir Direction) {
	var pts strings.Builder
	for _, c := range codecs {
		fmt.Fprintf(&pts, " %d", c.PT)
	}
	w.line("m=audio %d %s%s", port, proto, pts.String())
	for _, c := range codecs {
		w.codec(c)
	}
	w.line("a=ptime:%d", defaultPtime.Milliseconds())
	w.line("a=%s", dir)
}

// ours is our own stream in an offer.
func (w *writer) ours(l Local, codecs []Codec) {
	w.audio(l.Addr.Port(), l.proto(), codecs, l.Direction)
	for _, c := range l.Keys {
		w.crypto(c)
	}
	if l.Policy == WebRTC {
		w.web(l, "actpass")
	}
}

func (w *writer) codec(c Codec) {
	channels := ""
	if c.Format.Channels > 1 {
		channels = fmt.Sprintf("/%d", c.Format.Channels)
	}
	w.line("a=rtpmap:%d %s/%d%s", c.PT, c.Format.Name, c.Format.ClockRate, channels)
	if c.Fmtp != "" {
		w.line("a=fmtp:%d %s", c.PT, c.Fmtp)
	}
}

// refuse repeats a stream with port 0, which must still name a format (RFC 3264 §6).
func (w *writer) refuse(m MLine) {
	formats := m.Formats
	if formats == "" {
		formats = "0"
	}
	w.line("m=%s 0 %s %s", m.Media, m.Proto, formats)
}
