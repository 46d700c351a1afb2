package sip

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"roomline/media"
	"roomline/media/offer"
	"roomline/media/port"
	"roomline/signalling"
)

// keyed is a bed whose peer encrypts: its RTP end is a port of our own kind.
type keyed struct {
	*bed
	local offer.Local
	rtp   *port.Port
	heard chan byte
	seq   uint16
}

func newKeyed(t *testing.T, srtp string, far offer.Policy) *keyed {
	t.Helper()
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.SRTP = srtp })
	p, err := b.ports.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	k := &keyed{bed: b, rtp: p, heard: make(chan byte, 100)}
	k.local = offer.Local{Addr: p.Addr(), Formats: []media.Format{media.PCMU}, SessionID: 1, Version: 1, Policy: far}
	k.local.Renew(media.AES128SHA80)
	p.SendTo(k)
	return k
}

// WritePacket implements media.Sink.
func (k *keyed) WritePacket(p *media.Packet) error {
	k.heard <- p.Payload[0]
	return nil
}

// answer reads our offer as the peer, and is its answer.
func (k *keyed) answer(sdp []byte) []byte {
	k.t.Helper()
	remote, err := k.local.Policy.Parse(sdp)
	if err != nil {
		k.t.Fatalf("%v in\n%s", err, sdp)
	}
	body, n, err := offer.Answer(remote, k.local, media.PCMU)
	if err != nil {
		k.t.Fatalf("%v to\n%s", err, sdp)
	}
	k.agreed(n)
	return body
}

// takes reads our answer as the peer.
func (k *keyed) takes(sdp []byte) media.Protection {
	k.t.Helper()
	remote, err := k.local.Policy.Parse(sdp)
	if err != nil {
		k.t.Fatalf("%v in\n%s", err, sdp)
	}
	n, err := offer.Accept(k.local, remote)
	if err != nil {
		k.t.Fatalf("%v to\n%s", err, sdp)
	}
	k.agreed(n)
	return n.Protection
}

func (k *keyed) agreed(n media.Negotiated) {
	k.local.Agreed = n.Protection
	k.rtp.Start(n)
}

// talks fails unless both ends hear each other.
func (k *keyed) talks(leg signalling.Leg) {
	k.t.Helper()
	ours := make(chan byte, 100)
	leg.Media().SendTo(sinkOf(func(p *media.Packet) { ours <- p.Payload[0] }))
	for _, way := range []struct {
		to    media.Sink
		heard chan byte
	}{{leg.Media(), k.heard}, {k.rtp, ours}} {
		k.hears(way.to, way.heard)
	}
}

func (k *keyed) hears(to media.Sink, heard chan byte) {
	k.t.Helper()
	late, tick := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		k.seq++
		_ = to.WritePacket(&media.Packet{Payload: bytes.Repeat([]byte{0x42}, 160), Sequence: k.seq, Timestamp: 160 * uint32(k.seq), Clock: 8000})
		select {
		case b := <-heard:
			if b != 0x42 {
				k.t.Fatalf("%x was heard", b)
			}
			return
		case <-tick.C:
		case <-late:
			k.t.Fatal("one end does not hear the other")
		}
	}
}

type sinkOf func(*media.Packet)

func (f sinkOf) WritePacket(p *media.Packet) error { f(p); return nil }

func TestPolicyOfTrunks(t *testing.T) {
	for _, c := range []struct {
		transport, srtp string
		want            offer.Policy
	}{
		{"udp", "", offer.Off}, {"tcp", "", offer.Off}, {"tls", "", offer.Required}, {"wss", "", offer.Required}, {"ws", "", offer.Off},
		{"tls", "off", offer.Off}, {"tls", "optional", offer.Optional}, {"udp", "required", offer.Required}, {"udp", "optional", offer.Optional},
	} {
		if got := (TrunkConfig{Transport: c.transport, SRTP: c.srtp}).policy(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	if (TrunkConfig{Transport: "tls", WebRTC: true}).policy() != offer.WebRTC {
		t.Error("webrtc does nothing")
	}
	for _, bad := range []TrunkConfig{{SRTP: "yes"}, {SRTP: "required", WebRTC: true}} {
		if err := bad.validSRTP(); err == nil {
			t.Errorf("%+v is valid", bad)
		}
	}
}

func TestEncryptedCallWePlace(t *testing.T) {
	k := newKeyed(t, "required", offer.Required)
	leg := k.dial("+4930123")
	invite := k.request("INVITE")
	if sdp := string(invite.Body()); !strings.Contains(sdp, " RTP/SAVP 0 8") || strings.Count(sdp, "a=crypto:") != 2 {
		t.Fatalf("offered\n%s", sdp)
	}
	k.reply(invite, 200, "OK", k.answer(invite.Body()))
	k.request("ACK")
	k.event(signalling.Answered)
	k.talks(leg)
	before := k.local.Agreed
	leg.Show(signalling.View{Held: true}) // our own re-INVITE keeps key and profile
	hold := k.request("INVITE")
	k.reply(hold, 200, "OK", k.answer(hold.Body()))
	k.request("ACK")
	if k.local.Agreed.Receive != before.Receive || !strings.Contains(string(hold.Body()), " RTP/SAVP ") {
		t.Errorf("the re-INVITE changed the key or the profile\n%s", hold.Body())
	}
}

func TestEncryptedCallTheyPlace(t *testing.T) {
	for _, far := range []offer.Policy{offer.Optional, offer.Required} {
		t.Run(far.String(), func(t *testing.T) {
			k := newKeyed(t, "optional", far)
			k.send(k.text("INVITE", "+4930555", offer.Offer(k.local)))
			leg := k.rung()
			leg.Answer(media.PCMU)
			res := k.response("200 INVITE")
			first := k.takes(res.Body())
			if !first.On() {
				t.Fatal("the answer is plain")
			}
			k.ack(res, nil)
			k.event(signalling.Confirmed)
			k.talks(leg)
			k.local.Renew(media.AES128SHA80) // their key changes, and so does ours
			k.send(k.with(11).text("INVITE", "+4930555", offer.Offer(k.local)))
			res = k.response("200 INVITE")
			if second := k.takes(res.Body()); second.Receive == first.Receive {
				t.Error("our key outlived theirs")
			}
			k.ack(res, nil)
			k.talks(leg)
		})
	}
}

// The far end asks for our offer, and answers in its ACK.
func TestEncryptedDelayedOffer(t *testing.T) {
	k := newKeyed(t, "required", offer.Required)
	k.send(k.text("INVITE", "+4930555", nil))
	leg := k.rung()
	leg.Answer(media.PCMU)
	res := k.response("200 INVITE")
	k.ack(res, k.answer(res.Body()))
	k.event(signalling.Confirmed)
	k.talks(leg)
	keys := string(res.Body())
	k.send(k.with(11).text("INVITE", "+4930555", nil)) // again, perhaps for somebody else: with new keys
	res = k.response("200 INVITE")
	for _, line := range strings.Split(string(res.Body()), "\r\n") {
		if strings.HasPrefix(line, "a=crypto:") && strings.Contains(keys, line) {
			t.Errorf("offered again: %s", line)
		}
	}
	k.ack(res, k.answer(res.Body()))
	k.talks(leg)
}

// RFC 8643: our offer is RTP/AVP with keys, and is taken either way.
func TestOpportunisticOffer(t *testing.T) {
	for _, far := range []offer.Policy{offer.Off, offer.Optional} {
		t.Run(far.String(), func(t *testing.T) {
			k := newKeyed(t, "optional", far)
			leg := k.dial("+4930123")
			invite := k.request("INVITE")
			if sdp := string(invite.Body()); !strings.Contains(sdp, " RTP/AVP ") || !strings.Contains(sdp, "a=crypto:") {
				t.Fatalf("offered\n%s", sdp)
			}
			k.reply(invite, 200, "OK", k.answer(invite.Body()))
			k.request("ACK")
			k.event(signalling.Answered)
			if k.local.Agreed.On() != (far == offer.Optional) {
				t.Errorf("agreed on %s", k.local.Agreed)
			}
			k.talks(leg)
		})
	}
}

// R6: a far end that does not encrypt is refused, and told why.
func TestUnprotectedOffersAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ srtp, proto, warning string }{
		"AVP":              {"required", "RTP/AVP", "only unencrypted audio is offered; srtp is required"},
		"SAVP without key": {"required", "RTP/SAVP", "without a key that can be used; srtp is required"},
		"the same":         {"optional", "RTP/SAVP", "without a key that can be used; srtp is optional"},
		"SAVP":             {"off", "RTP/SAVP", "only encrypted audio is offered; srtp is off"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, func(cfg *TrunkConfig, _ *timing) { cfg.SRTP = c.srtp })
			b.send(b.text("INVITE", "+4930555", bytes.Replace(b.sdp("sendrecv", "0"), []byte("RTP/AVP"), []byte(c.proto), 1)))
			res := b.response("488 INVITE")
			if w := res.GetHeader("Warning"); w == nil || !strings.Contains(w.Value(), c.warning) {
				t.Errorf("warned %v", w)
			}
		})
	}
}

// R6: an answer that drops our keys ends the call before any audio flows.
func TestUnprotectedAnswersEndTheCall(t *testing.T) {
	for name, change := range map[string]func(sdp string) string{
		"AVP":    func(s string) string { return strings.Replace(s, "RTP/SAVP", "RTP/AVP", 1) },
		"no key": func(s string) string { return s[:strings.Index(s, "a=crypto")] },
		"another suite": func(s string) string {
			return strings.Replace(s, "AEAD_AES_128_GCM", "AEAD_AES_256_GCM", 1)
		},
		"another tag": func(s string) string { return strings.Replace(s, "a=crypto:", "a=crypto:7", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeyed(t, "required", offer.Required)
			k.dial("+4930123")
			invite := k.request("INVITE")
			k.reply(invite, 200, "OK", []byte(change(string(k.answer(invite.Body())))))
			k.request("ACK")
			k.reply(k.request("BYE"), 200, "OK", nil)
			if why := k.ended(signalling.MediaFailed); why.Detail == "" {
				t.Error("without a reason")
			}
		})
	}
}
