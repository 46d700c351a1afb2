package sip

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
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

// R6, pjsip 300-323: neither a re-INVITE nor an UPDATE drops to AVP or to a
// weaker suite, also where encryption was optional; the call goes on as it was.
func TestNothingWeakensACallWithin(t *testing.T) {
	for _, srtp := range []string{"optional", "required"} {
		t.Run(srtp, func(t *testing.T) {
			k := newKeyed(t, srtp, offer.Required)
			k.send(k.text("INVITE", "+4930555", offer.Offer(k.local)))
			leg := k.rung()
			leg.Answer(media.PCMU)
			res := k.response("200 INVITE")
			k.takes(res.Body())
			k.ack(res, nil)
			k.event(signalling.Confirmed)
			seq := uint32(20)
			short := strings.Replace(string(offer.Offer(k.local)), "SHA1_80", "SHA1_32", 1)
			bare := k.sdp("sendrecv", "0")
			for _, sdp := range [][]byte{bare, bytes.Replace(bare, []byte("RTP/AVP"), []byte("RTP/SAVP"), 1), []byte(short)} {
				for _, method := range []string{"INVITE", "UPDATE"} {
					seq++
					k.send(k.with(seq).text(method, "+4930555", sdp))
					k.response("488 " + method)
				}
			}
			k.talks(leg)
		})
	}
}

// Our own re-INVITE that is answered in the clear ends the call.
func TestOurReofferAnsweredPlainly(t *testing.T) {
	k := newKeyed(t, "optional", offer.Optional)
	leg := k.dial("+4930123")
	invite := k.request("INVITE")
	k.reply(invite, 200, "OK", k.answer(invite.Body()))
	k.request("ACK")
	k.event(signalling.Answered)
	leg.Show(signalling.View{Held: true})
	k.reply(k.request("INVITE"), 200, "OK", k.sdp("recvonly", "8 0"))
	k.request("ACK")
	k.reply(k.request("BYE"), 200, "OK", nil)
	k.ended(signalling.MediaFailed)
}

// A fax machine that asks for T.38 is refused that, and the call goes on.
func TestFaxIsRefusedAndTheCallGoesOn(t *testing.T) {
	b := newBed(t)
	leg, invite := b.answered()
	t38 := "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=image 4000 udptl t38\r\na=T38FaxVersion:0\r\n"
	for seq, sdp := range []string{t38, strings.Replace(t38, "m=image", "m=audio 0 RTP/AVP 0\r\nm=image", 1)} {
		b.send(b.within(invite, "INVITE", uint32(5+seq), []byte(sdp)))
		b.response("488 INVITE")
	}
	if err := leg.Media().WritePacket(&media.Packet{Payload: []byte{1}, Clock: 8000}); err != nil {
		t.Fatal(err)
	}
	b.hears()
}

// L1: neither the log, even at debug, nor the journal on disk, nor the ladder
// holds a key of the call.
func TestKeysAreNowhereWritten(t *testing.T) {
	var log lockedBuffer
	k := newKeyed(t, "required", offer.Required)
	j := newMemory()
	cfg := TrunkDefaults()
	cfg.Host, cfg.Numbers, cfg.SRTP = k.addr().String(), []string{"+4930555"}, "required"
	a, err := New(Config{Listen: []string{"udp://127.0.0.1:0"}}, map[string]TrunkConfig{"carrier": cfg}, k.ports, k.board, j,
		slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	k.agent.Close()
	k.agent, k.to = a, a.listeners[0].addr
	leg := k.dial("+4930123")
	invite := k.request("INVITE")
	k.reply(invite, 200, "OK", k.answer(invite.Body()))
	k.request("ACK")
	k.event(signalling.Answered)
	<-j.written
	k.talks(leg)
	entries, _ := j.Entries(t.Context())
	everything := log.String() + k.ladder()
	for _, e := range entries {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		everything += string(text)
	}
	if len(entries) != 1 || !strings.Contains(log.String(), "keys that travel unencrypted") {
		t.Errorf("%d entries, log %s", len(entries), log.String())
	}
	for _, key := range []media.Key{k.local.Agreed.Send, k.local.Agreed.Receive} {
		for _, form := range []string{string(key[:16]), base64.StdEncoding.EncodeToString(key[:30])[:20]} {
			if strings.Contains(everything, form) {
				t.Error("a key is written down")
			}
		}
	}
}

// lockedBuffer is a log that a test may read while others write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A trunk as to a browser: DTLS-SRTP and ICE, between two of our own ports; the
// test is the one that checks, for both are lite.
func TestWebRTCCall(t *testing.T) {
	b := newBed(t, func(c *TrunkConfig, _ *timing) { c.WebRTC = true })
	far, err := b.ports.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	id, err := far.Introduce()
	if err != nil {
		t.Fatal(err)
	}
	local := offer.Local{Addr: far.Addr(), Formats: []media.Format{media.PCMU}, SessionID: 1, Version: 1, Policy: offer.WebRTC, Web: offer.Web(id)}
	b.send(b.text("INVITE", "+4930555", b.sdp("sendrecv", "0"))) // as telephones do: refused
	if w := b.response("488 INVITE").GetHeader("Warning"); w == nil || !strings.Contains(w.Value(), "no WebRTC audio") {
		t.Errorf("warned %v", w)
	}
	b.id = newTag()
	b.send(b.text("INVITE", "+4930555", offer.Offer(local)))
	leg := b.rung()
	leg.Answer(media.PCMU)
	res := b.response("200 INVITE")
	remote, err := offer.WebRTC.Parse(res.Body())
	if err != nil {
		t.Fatalf("%v in\n%s", err, res.Body())
	}
	n, err := offer.Accept(local, remote)
	if err != nil || !n.Handshake.On() || n.Handshake.Client {
		t.Fatalf("%+v, %v", n.Handshake, err)
	}
	b.ack(res, nil)
	b.event(signalling.Confirmed)
	swapped := bytes.Replace(offer.Offer(local), []byte(id.Fingerprint[:5]), []byte("00:00"), 1) // R8
	b.send(b.with(11).text("INVITE", "+4930555", swapped))
	b.response("488 INVITE")
	b.send(b.with(12).text("INVITE", "+4930555", offer.Offer(local)))
	b.ack(b.response("200 INVITE"), nil)
}
