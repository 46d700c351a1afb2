package sip

import (
	"errors"
	"fmt"
	"log/slog"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/media/offer"
	"roomline/signalling"
)

// The values of srtp.
const (
	srtpOff      = "off"
	srtpOptional = "optional"
	srtpRequired = "required"
)

func (t TrunkConfig) validSRTP() error {
	if t.WebRTC && t.SRTP != "" {
		return fmt.Errorf("srtp: expected none, because webrtc has keys of its own, found %q", t.SRTP)
	}
	switch t.SRTP {
	case "", srtpOff, srtpOptional, srtpRequired:
		return nil
	}
	return fmt.Errorf("srtp: expected off, optional or required, found %q", t.SRTP)
}

// sealed tells whether others can read what is said over the trunk's transport,
// and with it the keys of the audio (RFC 4568 §8.3).
func (t TrunkConfig) sealed() bool { return t.Transport == "tls" || t.Transport == "wss" }

// policy is what the trunk's descriptions say of encryption: what srtp says, and
// where that is left out encryption wherever its keys travel encrypted.
func (t TrunkConfig) policy() offer.Policy {
	switch {
	case t.WebRTC:
		return offer.WebRTC
	case t.SRTP == srtpRequired || t.SRTP == "" && t.sealed():
		return offer.Required
	case t.SRTP == srtpOptional:
		return offer.Optional
	}
	return offer.Off
}

// warnOfKeys says at the start which trunks show the keys of their audio to
// whoever reads their signalling.
func (a *Agent) warnOfKeys() {
	for _, name := range a.names {
		if t := a.trunks[name]; t.policy() != offer.Off && t.policy() != offer.WebRTC && !t.sealed() {
			a.log.Warn("a trunk's audio is encrypted by keys that travel unencrypted: use transport tls",
				"trunk", name, "transport", t.Transport, "srtp", t.SRTP)
		}
	}
}

// suites are those that we offer, the strongest first. An INVITE over UDP has
// no room for all (RFC 3261 §18.1.1).
func (t *trunk) suites() []media.Suite {
	if t.Transport == "udp" {
		return []media.Suite{media.AES128GCM, media.AES128SHA80}
	}
	return []media.Suite{media.AES256GCM, media.AES128GCM, media.AES256SHA80, media.AES128SHA80}
}

// introduce makes the leg's port speak WebRTC, where the trunk does.
func (l *leg) introduce() error {
	if l.local.Policy != offer.WebRTC {
		return nil
	}
	id, err := l.port.Introduce()
	l.local.Web = offer.Web(id)
	return err
}

// readSDP reads a description of the far end, and writes ours in its profile
// from now on.
func (l *leg) readSDP(sdp []byte) (offer.Audio, error) {
	remote, err := l.trunk.policy().Parse(sdp)
	if err == nil {
		l.local.Proto = remote.Lines[remote.Index].Proto
	}
	return remote, err
}

// unprotected tells whether a description failed for its encryption, and says
// so in a sentence.
func unprotected(err error) (string, bool) {
	for _, e := range []error{offer.ErrSecure, offer.ErrPlain, offer.ErrNoKey, offer.ErrWeaker, offer.ErrOurKey, offer.ErrWeb} {
		if errors.Is(err, e) {
			return e.Error(), true
		}
	}
	return "", false
}

// unacceptable refuses a description, with the reason in words where it is the
// encryption (RFC 3261 §20.43).
func (t *trunk) unacceptable(err error) refusal {
	why, ok := unprotected(err)
	if !ok {
		return refuse(488, "Not Acceptable Here")
	}
	text := fmt.Sprintf("399 roomline %q", why+"; srtp is "+t.policy().String())
	return refuse(488, "Not Acceptable Here", sipmsg.NewHeader("Warning", text))
}

// explain logs a refusal that says why.
func (r refusal) explain(log *slog.Logger) refusal {
	for _, h := range r.headers {
		if h.Name() == "Warning" {
			log.Info("a description of the far end was refused", "warning", h.Value())
		}
	}
	return r
}

// guess adds to a refusal that names no reason the one that is likely.
func (t *trunk) guess(r signalling.Reason, status int) signalling.Reason {
	if status != 488 && status != 606 {
		return r
	}
	switch t.policy() {
	case offer.Off:
		r.Detail += "; it may ask for encrypted audio: srtp is off"
	case offer.Optional:
		r.Detail += "; it may ask for RTP/SAVP: srtp is optional"
	case offer.Required:
		r.Detail += "; it may not take encrypted audio: srtp is required"
	case offer.WebRTC:
		r.Detail += "; it may not take audio as browsers have it: webrtc is true"
	}
	return r
}
