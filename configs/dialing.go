package configs

import (
	"errors"
	"fmt"
	"strings"

	"roomline/signalling/number"
	"roomline/signalling/permit"
)

// Dialing says how numbers are read, which may be dialled, and who may call.
type Dialing struct {
	Country   string   `yaml:"country"`   // ISO 3166-1 alpha-2; how a number without a country code is read
	Allow     []string `yaml:"allow"`     // countries, prefixes and extensions; empty: Country
	Deny      []string `yaml:"deny"`      // classes of numbers, wherever they are
	Emergency string   `yaml:"emergency"` // "block", or "trunk:" and a trunk's name
	Block     []string `yaml:"block"`     // callers who ring nobody
}

func dialingDefaults() Dialing {
	return Dialing{Country: "US", Deny: permit.DefaultDeny(), Emergency: permit.Block, Block: []string{}}
}

// Rules are what permit needs to know.
func (d Dialing) Rules() permit.Dialing {
	return permit.Dialing{Allow: d.Allow, Deny: d.Deny, Emergency: d.Emergency, Block: d.Block}
}

// Validate says whether there is such a country, and which rule makes no sense.
func (d Dialing) Validate() error {
	var errs []error
	if _, err := number.New(d.Country); err != nil {
		errs = append(errs, fmt.Errorf("country: %w", err))
	}
	return errors.Join(append(errs, d.Rules().Validate())...)
}

// home allows the own country where nothing else is said.
func (d *Dialing) home() {
	if plan, err := number.New(d.Country); err == nil {
		d.Country = plan.Country()
	}
	for i, s := range d.Allow {
		d.Allow[i] = strings.ToUpper(s)
	}
	if len(d.Allow) == 0 && number.Known(d.Country) { // else the country is reported
		d.Allow = []string{d.Country}
	}
}

// callers reads the numbers that are blocked.
func (d *decoder) callers(c *Config, plan *number.Plan) {
	for i, s := range c.Dialing.Block {
		if s != permit.Anonymous && !strings.HasSuffix(s, "*") {
			c.Dialing.Block[i] = d.number(plan, fmt.Sprintf("dialing.block[%d]", i), s)
		}
	}
}

// emergency holds the trunk for emergencies against those there are.
func (d *decoder) emergency(c *Config) {
	if name, ok := c.Dialing.Rules().Trunk(); ok && name != "" {
		d.trunk(c, "dialing.emergency", name)
	}
}
