package sip

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"roomline/media"
	"roomline/media/offer"
	"roomline/signalling"
)

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
