package configs

import (
	"reflect"

	"roomline/signalling"
	"roomline/signalling/matrix"
	"roomline/signalling/permit"
	"roomline/sip"
)

// The sections that other packages own, under the names used here.
type (
	// SIP is where this machine speaks SIP.
	SIP = sip.Config
	// Trunk is one carrier or PBX.
	Trunk = sip.TrunkConfig
)

// preset sets the defaults that the file then overwrites.
func (c *Config) preset() {
	c.Database, c.Contacts = "roomline.db", matrix.Contacts{}
	c.SIP, c.Permissions = sip.Defaults(), permit.Defaults()
	c.Dialing, c.Media, c.Calls = dialingDefaults(), mediaDefaults(), callsDefaults()
	c.HTTP, c.Log = HTTP{Listen: "127.0.0.1:9095"}, Log{Level: "info", Format: "auto"}
}

// entry is a new entry of a section whose keys the user chooses.
func entry(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch t {
	case reflect.TypeFor[Trunk]():
		v.Set(reflect.ValueOf(sip.TrunkDefaults()))
	case reflect.TypeFor[matrix.Room]():
		v.Set(reflect.ValueOf(matrix.NewRoom()))
	}
	return v
}

// defaults fills in what follows from what the file says.
func (c *Config) defaults() {
	c.Matrix.RingTimeout, c.Matrix.ConnectTimeout = c.Calls.RingTimeout, c.Media.ConnectTimeout
	c.Rooms.Defaults()
	c.Matrix.Rooms, c.Matrix.Contacts = c.Rooms, c.Contacts
	c.Matrix.Defaults()
	c.Dialing.home()
	if permit.Named(c.Matrix.Domain) == nil { // else it is reported as matrix.domain
		c.Permissions.Fill(c.Matrix.Domain)
	}
	if name, only := c.onlyTrunk(); only && len(c.Routes.Outbound) == 0 {
		c.Routes.Outbound = []signalling.Outbound{{Match: "*", Trunk: name}}
	}
}

func (c *Config) onlyTrunk() (string, bool) {
	for name := range c.Trunks {
		return name, len(c.Trunks) == 1
	}
	return "", false
}
