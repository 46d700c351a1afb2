package offer

import (
	"encoding/hex"
	"errors"
	"strings"

	"roomline/media"
)

// Web is what our end of a WebRTC stream tells: how it is reached by ICE (RFC
// 8839 §5.4) and by whose certificate it is known (RFC 8122 §5).
type Web struct {
	Ufrag, Password string
	Fingerprint     string // SHA-256 as hexadecimal pairs, with colons
	Candidate       string // the value of a=candidate
}

// ErrWeb says that a description has not what a WebRTC stream needs; answer 488.
var ErrWeb = errors.New("no WebRTC audio with DTLS, ICE, rtcp-mux and a SHA-256 fingerprint is offered")

// webSide is what a section says of the far end's.
type webSide struct {
	fingerprint string // SHA-256, as Web has it
	setup       string // active, passive or actpass
	ice, mux    bool
}

// web reads the attributes of WebRTC; it is false for any other.
func (w *webSide) read(name, value string) bool {
	value = strings.TrimSpace(value)
	switch name {
	case "fingerprint":
		hash, print, _ := strings.Cut(value, " ")
		raw, err := hex.DecodeString(strings.ReplaceAll(print, ":", ""))
		if strings.EqualFold(hash, "sha-256") && err == nil && len(raw) == 32 {
			w.fingerprint = strings.ToUpper(print)
		}
	case "setup":
		w.setup = strings.ToLower(value)
	case "ice-ufrag":
		w.ice = value != ""
	case "rtcp-mux":
		w.mux = true
	default:
		return false
	}
	return true
}

// within is what counts for a stream: its own lines, else the session's.
func (w webSide) within(session webSide) webSide {
	if w.fingerprint == "" {
		w.fingerprint = session.fingerprint
	}
	if w.setup == "" {
		w.setup = session.setup
	}
	w.ice = w.ice || session.ice
	return w
}

// complete tells whether it can be spoken with. R8: a fingerprint there must be.
func (w webSide) complete() bool {
	known := w.setup == "active" || w.setup == "passive" || w.setup == "actpass"
	return w.fingerprint != "" && w.ice && w.mux && known
}

// handshake is what a far end that wrote setup makes of us: the client of DTLS
// unless it is that itself (RFC 8842 §5.3).
func (w webSide) handshake() media.Handshake {
	return media.Handshake{Fingerprint: w.fingerprint, Client: w.setup != "active"}
}

// greet answers the far end's certificate with the part that we have in the
// handshake. Within a call neither changes (R8).
func (l Local) greet(remote Audio) (media.Handshake, string, error) {
	h := remote.web.handshake()
	if l.Greeted.On() {
		if l.Greeted.Fingerprint != h.Fingerprint {
			return media.Handshake{}, "", ErrWeaker
		}
		h = l.Greeted
	}
	if h.Client {
		return h, "active", nil
	}
	return h, "passive", nil
}

// web writes what our end is known by.
func (w *writer) web(l Local, setup string) {
	w.line("a=ice-lite") // here too: Asterisk looks for it nowhere else
	w.line("a=rtcp-mux")
	w.line("a=ice-ufrag:%s", l.Web.Ufrag)
	w.line("a=ice-pwd:%s", l.Web.Password)
	w.line("a=fingerprint:sha-256 %s", l.Web.Fingerprint)
	w.line("a=setup:%s", setup)
	w.line("a=candidate:%s", l.Web.Candidate)
}
