// Package shaken turns a caller's number into a signed Identity header, and
// back into how far it can be believed (RFC 8224, RFC 8225, RFC 8588).
package shaken

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Limits of what is read.
const (
	maxHeader = 6 << 10 // bytes of an Identity header
	maxDest   = 16      // numbers that a call is for
	maxOrigID = 64
)

// fresh is how old a signature may be, and how far ahead its clock (RFC 8224
// §6.2.2 wants 60 s at most, ATIS-1000074 §5.3.1 the same).
const fresh = time.Minute

// header is the first part of a PASSporT (RFC 8225 §4, RFC 8588 §6).
type header struct {
	Alg string `json:"alg"`
	PPT string `json:"ppt"`
	Typ string `json:"typ"`
	X5U string `json:"x5u"`
}

// claims are the second (RFC 8225 §5, RFC 8588 §3), in the order that
// RFC 8225 §9 signs them.
type claims struct {
	Attest string `json:"attest"`
	Dest   dest   `json:"dest"`
	IAT    int64  `json:"iat"`
	Orig   orig   `json:"orig"`
	OrigID string `json:"origid"`
}

type dest struct {
	TN []string `json:"tn"`
}

type orig struct {
	TN string `json:"tn"`
}

// passport is an Identity header that could be read; nothing of it is known to
// be true.
type passport struct {
	header
	claims
	signed    string // what the signature is over
	signature []byte // r and s, 32 bytes each (RFC 7518 §3.4)
}

// parse reads an Identity header in the full form (RFC 8224 §4), the only one
// that RFC 8588 §6 allows.
func parse(value string) (passport, error) {
	if len(value) > maxHeader {
		return passport{}, fmt.Errorf("an Identity header of %d bytes", len(value))
	}
	token, params, _ := strings.Cut(strings.TrimSpace(value), ";")
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return passport{}, fmt.Errorf("the PASSporT has not three parts")
	}
	p := passport{signed: parts[0] + "." + parts[1]}
	for i, into := range []any{&p.header, &p.claims} {
		if err := decode(parts[i], into); err != nil {
			return passport{}, err
		}
	}
	var err error
	if p.signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil || len(p.signature) != 64 {
		return passport{}, fmt.Errorf("the signature is none of ES256")
	}
	return p, p.check(params)
}

func decode(part string, into any) error {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return fmt.Errorf("the PASSporT is not base64url: %w", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("the PASSporT is not JSON: %w", err)
	}
	return nil
}

// check wants what RFC 8588 §6 does, and header parameters that say nothing
// else than the signed part (RFC 8224 §4.1).
func (p *passport) check(params string) error {
	info, ppt, alg := parameters(params)
	switch {
	case p.Alg != "ES256" || p.Typ != "passport" || p.PPT != "shaken":
		return fmt.Errorf("the PASSporT is of alg %.20q, typ %.20q, ppt %.20q", p.Alg, p.Typ, p.PPT)
	case p.X5U == "" || info != p.X5U:
		return fmt.Errorf("info and x5u differ")
	case ppt != "" && ppt != p.PPT || alg != "" && alg != p.Alg:
		return fmt.Errorf("the header's parameters are not those of the PASSporT")
	case p.Attest != "A" && p.Attest != "B" && p.Attest != "C":
		return fmt.Errorf("attest is %.20q", p.Attest)
	case p.OrigID == "" || len(p.OrigID) > maxOrigID || strings.ContainsFunc(p.OrigID, unprintable):
		return fmt.Errorf("origid is missing or no identifier")
	case Canonical(p.Orig.TN) == "" || len(p.Dest.TN) == 0 || len(p.Dest.TN) > maxDest:
		return fmt.Errorf("orig or dest is no telephone number")
	}
	return nil
}

func unprintable(r rune) bool { return r <= ' ' || r >= 0x7f }

// parameters are those after the PASSporT: ;info=<URI>;alg=ES256;ppt="shaken".
// A URI has no ">" (RFC 3986 §2).
func parameters(s string) (info, ppt, alg string) {
	for s != "" {
		name, rest, _ := strings.Cut(s, "=")
		value := ""
		if rest = strings.TrimLeft(rest, " \t"); strings.HasPrefix(rest, "<") {
			value, rest, _ = strings.Cut(rest[1:], ">")
			_, s, _ = strings.Cut(rest, ";")
		} else {
			value, s, _ = strings.Cut(rest, ";")
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "info":
			info = value
		case "ppt":
			ppt = strings.Trim(strings.TrimSpace(value), `"`)
		case "alg":
			alg = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return info, ppt, alg
}

// kind is a header's ppt as its first part says it: there are other extensions
// than ours, as div (RFC 8946).
func kind(value string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(value[:min(len(value), maxHeader)]), ".")
	var h header
	if decode(first, &h) != nil {
		return ""
	}
	return h.PPT
}

// Canonical is a telephone number as it is signed: with its country code, and
// nothing but digits (RFC 8224 §8.3); "" where it is none.
func Canonical(number string) string {
	var b strings.Builder
	for i, r := range number {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == '+' && i == 0, strings.ContainsRune(" -.()", r):
		default:
			return ""
		}
	}
	if n := b.String(); len(n) >= 3 && len(n) <= 15 { // E.164 §6.1
		return n
	}
	return ""
}
