package port

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/pion/rtcp"
)

const reportEvery = 5 * time.Second

// senderReport is what our next report repeats of the far end's (RFC 3550 §6.4.1).
type senderReport struct {
	middle uint32 // of its NTP timestamp
	at     time.Time
}

// exchangeReports reads what RTCP came, which decides nothing about the call,
// and sends our own.
func (p *Port) exchangeReports(now time.Time) {
	far := p.far.Load()
	if far == nil {
		return
	}
	each(p.pair.rtcp, make([]byte, maxPacket), func(b []byte, from netip.AddrPort) {
		if from.Addr() == far.Addr() {
			p.hearReport(b, now)
		}
	})
	if far.Port() == math.MaxUint16 {
		return
	}
	b, err := p.sealedReports(now)
	if err != nil {
		p.log.Debug("rtcp not sent", "error", err)
		return
	}
	p.report(b, *far)
}

// report sends to the port above audio's, or to the same where they share it
// (RFC 5761 §5.1.1). It is lost like any packet.
func (p *Port) report(b []byte, far netip.AddrPort) {
	p.out.Lock()
	shared, ready := p.out.must, p.out.seal != nil
	p.out.Unlock()
	switch {
	case !shared:
		_, _ = p.pair.rtcp.WriteToUDPAddrPort(b, netip.AddrPortFrom(far.Addr(), far.Port()+1))
	case ready:
		_, _ = p.pair.rtp.WriteToUDPAddrPort(b, far)
	}
}

// hearReport takes a packet for a sign of life if it is RTCP, and remembers a
// sender report of the source that is heard. A BYE ends nothing.
func (p *Port) hearReport(b []byte, now time.Time) {
	if len(b) < 8 || b[0]>>6 != 2 || b[1] < 200 || b[1] > 207 { // RFC 5761 §4
		return
	}
	p.in.Lock()
	defer p.in.Unlock()
	if p.in.guard.on() {
		var ok bool
		if b, ok = p.in.guard.rtcp(b, now); !ok || len(b) < 8 {
			return
		}
	}
	p.in.life = now
	ssrc := binary.BigEndian.Uint32(b[4:])
	if b[1] == 200 && len(b) >= 28 && p.in.source.known && ssrc == p.in.source.ssrc {
		p.in.report = senderReport{binary.BigEndian.Uint32(b[10:]), now}
	}
}

// sealedReports is what goes out: encrypted where audio is (RFC 3711 §3.4).
func (p *Port) sealedReports(now time.Time) ([]byte, error) {
	b, err := rtcp.Marshal(p.reports(now))
	p.out.Lock()
	defer p.out.Unlock()
	if err == nil && p.out.seal != nil {
		return p.out.seal.rtcp(b)
	}
	return b, err
}

// reports is a compound packet: SR if we sent since the last, else RR, and SDES
// (RFC 3550 §6.1).
func (p *Port) reports(now time.Time) []rtcp.Packet {
	p.out.Lock()
	defer p.out.Unlock()
	ssrc := p.out.line.SSRC()
	about := p.reception(now)
	name := &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: strconv.FormatUint(uint64(ssrc), 36)}},
	}}}
	if p.out.sent == p.out.told {
		return []rtcp.Packet{&rtcp.ReceiverReport{SSRC: ssrc, Reports: about}, name}
	}
	p.out.told = p.out.sent
	return []rtcp.Packet{&rtcp.SenderReport{
		SSRC: ssrc, NTPTime: ntp(now), RTPTime: p.out.line.Timestamp(now),
		PacketCount: uint32(p.out.sent), OctetCount: uint32(p.out.octets), Reports: about,
	}, name}
}

// reception is what we have to say about the far end's source (§6.4.1).
func (p *Port) reception(now time.Time) []rtcp.ReceptionReport {
	p.in.Lock()
	defer p.in.Unlock()
	s := &p.in.source
	if !s.known {
		return nil
	}
	r := rtcp.ReceptionReport{
		SSRC: s.ssrc, FractionLost: s.fraction(), TotalLost: uint32(min(s.lost(), 1<<23-1)),
		LastSequenceNumber: uint32(s.highest), Jitter: uint32(s.jitter),
	}
	if !p.in.report.at.IsZero() {
		r.LastSenderReport = p.in.report.middle
		r.Delay = uint32(now.Sub(p.in.report.at).Seconds() * 65536)
	}
	return []rtcp.ReceptionReport{r}
}

// ntp is the time in seconds since 1900, 32 bits of fraction (RFC 3550 §4).
func ntp(t time.Time) uint64 {
	const from1900 = 2_208_988_800
	return uint64(t.Unix()+from1900)<<32 | uint64(t.Nanosecond())<<32/1_000_000_000
}
