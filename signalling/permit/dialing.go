package permit

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"roomline/signalling/number"
)

// Dialing says which numbers may be dialled, and who may not call.
type Dialing struct {
	Allow     []string // countries ("DE", "+49"), prefixes ("+4930"), extensions ("32*"), or "*"
	Deny      []string // classes of numbers, wherever they are
	Emergency string   // Block, or "trunk:" and the name of a trunk
	Block     []string // callers: numbers, prefixes ending in *, or Anonymous
}

// Block is the policy that lets nobody dial an emergency number.
const Block = "block"

// Anonymous stands for callers who withhold their numbers.
const Anonymous = "anonymous"

// Denied are the classes that may be denied; DefaultDeny those that are unless
// the configuration says otherwise.
func Denied() []string {
	return []string{number.Premium.String(), number.SharedCost.String(), number.Personal.String(), number.Pager.String(),
		number.Satellite.String(), number.ServiceCode.String(), number.ShortCode.String()}
}

// DefaultDeny is toll fraud's favourite goods.
func DefaultDeny() []string { return Denied()[:6] }

// Trunk is the trunk that takes emergency calls, if any does.
func (d Dialing) Trunk() (name string, ok bool) {
	if name, ok = strings.CutPrefix(d.Emergency, "trunk:"); ok {
		return name, true
	}
	return "", false
}

// Validate says which entry cannot be meant.
func (d Dialing) Validate() error {
	var errs []error
	for i, s := range d.Allow {
		if !allowForm.MatchString(s) && !number.Known(s) && s != "*" {
			errs = append(errs, fmt.Errorf(`allow[%d]: expected a country like DE or +49, a prefix like +4930, an extension like 32* or "*" for every country, found %.40q`, i, s))
		}
	}
	for i, s := range d.Deny {
		if !slices.Contains(Denied(), s) {
			errs = append(errs, fmt.Errorf("deny[%d]: expected one of %s, found %.40q", i, strings.Join(Denied(), ", "), s))
		}
	}
	for i, s := range d.Block {
		if !blockForm.MatchString(s) && s != Anonymous {
			errs = append(errs, fmt.Errorf("block[%d]: expected a number, a prefix like +4930* or %s, found %.40q", i, Anonymous, s))
		}
	}
	if name, trunk := d.Trunk(); d.Emergency != Block && (!trunk || name == "") {
		errs = append(errs, fmt.Errorf("emergency: expected %s or trunk:NAME, found %.40q", Block, d.Emergency))
	}
	return errors.Join(errs...)
}

var (
	allowForm = regexp.MustCompile(`^(\+[1-9][0-9]{0,14}|[0-9]{1,6}\*?)$`)
	blockForm = regexp.MustCompile(`^\+?[0-9]{1,15}\*?$`)
)
