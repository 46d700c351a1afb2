package shaken

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// tnAuthList is the certificate extension that says which numbers a signer may
// speak for (RFC 8226 §9).
var tnAuthList = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 26}

// maxEntries is how many entries of it are read.
const maxEntries = 1000

// authority is what it says. Without any, or with a provider's code, the
// signer's own carrier answers for the numbers.
type authority struct {
	limited bool // to the numbers below
	ranges  []numberRange
}

type numberRange struct {
	first *big.Int
	count *big.Int
	width int // digits
}

// authorised reads the extension, and takes it from those that x509 does not
// know: it may be critical.
func authorised(c *x509.Certificate) (authority, error) {
	c.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(c.UnhandledCriticalExtensions), tnAuthList.Equal)
	for _, e := range c.Extensions {
		if e.Id.Equal(tnAuthList) {
			return readAuthority(e.Value)
		}
	}
	return authority{}, nil
}

func readAuthority(der []byte) (authority, error) {
	var entries []asn1.RawValue
	rest, err := asn1.Unmarshal(der, &entries)
	if err != nil || len(rest) > 0 || len(entries) == 0 || len(entries) > maxEntries {
		return authority{}, fmt.Errorf("the certificate's list of numbers cannot be read")
	}
	a := authority{limited: true}
	for _, e := range entries {
		var r numberRange
		switch {
		case e.Class != asn1.ClassContextSpecific:
			err = fmt.Errorf("class %d", e.Class)
		case e.Tag == 0: // a service provider's code
			a.limited = false
			continue
		case e.Tag == 1:
			r, err = readRange(e.Bytes)
		case e.Tag == 2:
			var one asn1.RawValue
			if _, err = asn1.Unmarshal(e.Bytes, &one); err == nil {
				r, err = newRange(string(one.Bytes), big.NewInt(1))
			}
		default:
			continue
		}
		if err != nil {
			return authority{}, fmt.Errorf("the certificate's list of numbers cannot be read: %w", err)
		}
		a.ranges = append(a.ranges, r)
	}
	return a, nil
}

// readRange reads TelephoneNumberRange: the first number, and how many.
func readRange(der []byte) (numberRange, error) {
	var r struct {
		Start asn1.RawValue
		Count *big.Int
	}
	if _, err := asn1.Unmarshal(der, &r); err != nil {
		return numberRange{}, err
	}
	return newRange(string(r.Start.Bytes), r.Count)
}

func newRange(first string, count *big.Int) (numberRange, error) {
	tn := Canonical(first)
	if tn == "" || count.Sign() < 1 {
		return numberRange{}, errors.New("no telephone number")
	}
	n, _ := new(big.Int).SetString(tn, 10)
	return numberRange{n, count, len(tn)}, nil
}

// covers tells whether a number, in digits, is in the list.
func (a authority) covers(tn string) bool {
	if !a.limited {
		return true
	}
	n, ok := new(big.Int).SetString(tn, 10)
	return ok && slices.ContainsFunc(a.ranges, func(r numberRange) bool {
		offset := new(big.Int).Sub(n, r.first)
		return len(tn) == r.width && offset.Sign() >= 0 && offset.Cmp(r.count) < 0
	})
}
