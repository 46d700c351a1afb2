package port

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// The parts of STUN (RFC 8489) that an ICE-lite agent needs (RFC 8445 §2.5).
const (
	stunHeader      = 20
	stunCookie      = 0x2112A442
	bindingRequest  = 0x0001
	bindingResponse = 0x0101
	bindingError    = 0x0111

	attrUsername     = 0x0006
	attrIntegrity    = 0x0008
	attrError        = 0x0009
	attrXorAddress   = 0x0020
	attrUseCandidate = 0x0025
	attrFingerprint  = 0x8028
	attrControlled   = 0x8029

	fingerprintXor = 0x5354554e
)

// check is one connectivity check of the far end's.
type check struct {
	id        [12]byte
	nominates bool // USE-CANDIDATE
	obeys     bool // ICE-CONTROLLED: it believes that we decide
}

// readCheck reads a Binding request and is false where it is none, or not for
// ufrag under password. What comes after MESSAGE-INTEGRITY does not count.
func readCheck(b []byte, ufrag, password string) (c check, ok bool) {
	if len(b) < stunHeader || len(b) > 548 || binary.BigEndian.Uint16(b) != bindingRequest ||
		binary.BigEndian.Uint32(b[4:]) != stunCookie || int(binary.BigEndian.Uint16(b[2:])) != len(b)-stunHeader {
		return c, false
	}
	copy(c.id[:], b[8:])
	known := false
	for at := stunHeader; at+4 <= len(b); {
		kind, size := binary.BigEndian.Uint16(b[at:]), int(binary.BigEndian.Uint16(b[at+2:]))
		value := at + 4
		if value+size > len(b) {
			return c, false
		}
		switch kind {
		case attrUsername: // ours, a colon, theirs (RFC 8445 §7.2.2)
			known = bytes.HasPrefix(b[value:value+size], []byte(ufrag+":"))
		case attrUseCandidate:
			c.nominates = true
		case attrControlled:
			c.obeys = true
		case attrIntegrity:
			return c, known && size == sha1.Size && hmac.Equal(b[value:value+size], integrity(b[:at], password))
		}
		at = value + (size+3)&^3
	}
	return c, false
}

// integrity is the MESSAGE-INTEGRITY of a message up to that attribute, whose
// length counts already (RFC 8489 §14.5).
func integrity(b []byte, password string) []byte {
	head := append([]byte(nil), b[:stunHeader]...)
	binary.BigEndian.PutUint16(head[2:], uint16(len(b)-stunHeader+4+sha1.Size))
	mac := hmac.New(sha1.New, []byte(password))
	mac.Write(head)
	mac.Write(b[stunHeader:])
	return mac.Sum(nil)
}

// answer answers a check that came from an address. A lite agent never decides:
// who believes so is told of the conflict, and decides then (RFC 8445 §7.3.1.1).
func (c check) answer(from netip.AddrPort, password string) []byte {
	b := make([]byte, stunHeader, 96)
	binary.BigEndian.PutUint32(b[4:], stunCookie)
	copy(b[8:], c.id[:])
	if c.obeys {
		binary.BigEndian.PutUint16(b, bindingError)
		b = attribute(b, attrError, []byte{0, 0, 4, 87})
	} else {
		binary.BigEndian.PutUint16(b, bindingResponse)
		b = attribute(b, attrXorAddress, c.mapped(from))
	}
	b = attribute(b, attrIntegrity, integrity(b, password))
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-stunHeader+8))
	return attribute(b, attrFingerprint, binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)^fingerprintXor))
}

func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-stunHeader))
	return b
}

// mapped is an address as XOR-MAPPED-ADDRESS writes it (RFC 8489 §14.2).
func (c check) mapped(from netip.AddrPort) []byte {
	family, addr := byte(1), from.Addr().AsSlice()
	if from.Addr().Is6() {
		family = 2
	}
	mask := binary.BigEndian.AppendUint32(nil, stunCookie)
	mask = append(mask, c.id[:]...)
	v := []byte{0, family, byte(from.Port()>>8) ^ mask[0], byte(from.Port()) ^ mask[1]}
	for i, x := range addr {
		v = append(v, x^mask[i])
	}
	return v
}
