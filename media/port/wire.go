package port

import "encoding/binary"

const (
	headerSize = 12   // RFC 3550 §5.1, without CSRCs
	maxPacket  = 2048 // bytes read; a longer packet is no telephone audio
	maxPayload = 1400 // bytes sent, below any path's MTU
	comfortPT  = 13   // comfort noise, RFC 3389
)

// header is what matters of an RTP header (RFC 3550 §5.1).
type header struct {
	pt     uint8
	marker bool
	seq    uint16
	ts     uint32
	ssrc   uint32
}

// parse splits a packet, leaving out its CSRCs, extension and padding. It is
// false for what is no RTP.
func parse(b []byte) (h header, payload []byte, ok bool) {
	if h, ok = head(b); !ok {
		return h, nil, false
	}
	start, end := headerSize+4*int(b[0]&0x0f), len(b)
	if b[0]&0x10 != 0 { // extension, §5.3.1
		if start+4 > end {
			return h, nil, false
		}
		start += 4 + 4*int(binary.BigEndian.Uint16(b[start+2:]))
	}
	if b[0]&0x20 != 0 { // padding; its last byte counts itself
		if b[end-1] == 0 {
			return h, nil, false
		}
		end -= int(b[end-1])
	}
	if start > end {
		return h, nil, false
	}
	return h, b[start:end], true
}

// head reads the fixed header, which is never encrypted.
func head(b []byte) (h header, ok bool) {
	if len(b) < headerSize || len(b) >= maxPacket || b[0]>>6 != 2 {
		return h, false
	}
	return header{
		pt: b[1] & 0x7f, marker: b[1]&0x80 != 0,
		seq:  binary.BigEndian.Uint16(b[2:]),
		ts:   binary.BigEndian.Uint32(b[4:]),
		ssrc: binary.BigEndian.Uint32(b[8:]),
	}, true
}

// put writes the header before a payload that begins at b[headerSize].
func (h header) put(b []byte) {
	b[0], b[1] = 0x80, h.pt&0x7f
	if h.marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], h.seq)
	binary.BigEndian.PutUint32(b[4:], h.ts)
	binary.BigEndian.PutUint32(b[8:], h.ssrc)
}
