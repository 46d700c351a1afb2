package matrix

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"roomline/signalling/matrix/e2ee"
)

// Config is the Matrix half of the configuration file.
type Config struct {
	Homeserver     string        `yaml:"homeserver"`    // base URL of the client-server API
	Domain         string        `yaml:"domain"`        // server name, the part after the colon of a user id
	Listen         string        `yaml:"listen"`        // where the homeserver reaches us, host:port
	URL            string        `yaml:"url"`           // the same as the homeserver sees it; empty: http:// and Listen
	Registration   string        `yaml:"registration"`  // path of the appservice registration file
	Bot            string        `yaml:"bot"`           // localpart of the appservice's own user
	Prefix         string        `yaml:"prefix"`        // how the localparts of telephone users begin
	Inbound        string        `yaml:"inbound"`       // where calls from numbers without a room ring: line or portal
	DoublePuppet   string        `yaml:"double_puppet"` // path of a second registration, which lets us join local users; empty: none
	SendTimeout    time.Duration `yaml:"send_timeout"`  // for one request to the homeserver
	Encryption     Encryption    `yaml:"encryption"`
	Account        Account       `yaml:"account"` // its user empty: we are an application service
	Rooms          Rooms         `yaml:"-"`       // by id; the section rooms
	Contacts       Contacts      `yaml:"-"`       // known numbers; the section contacts
	ConnectTimeout time.Duration `yaml:"-"`       // from the answer to audio; media.connect_timeout
	RingTimeout    time.Duration `yaml:"-"`       // how long a client is told to ring; calls.ring_timeout
}

// Defaults fills what was left out.
func (c *Config) Defaults() {
	if c.Encryption.Confirmed == nil {
		c.Encryption.Confirmed = map[string]string{}
	}
	for _, f := range []struct {
		field *string
		value string
	}{
		{&c.Listen, "127.0.0.1:29500"}, {&c.Registration, "registration.yaml"}, {&c.Bot, "roomline"},
		{&c.Prefix, "tel_"}, {&c.Inbound, InboundLine}, {(*string)(&c.Encryption.Devices), string(e2ee.CrossSigned)},
	} {
		if *f.field == "" {
			*f.field = f.value
		}
	}
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.SendTimeout, 20 * time.Second}, {&c.ConnectTimeout, 20 * time.Second}, {&c.RingTimeout, 90 * time.Second}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
}

// url is how the homeserver reaches us.
func (c Config) url() string {
	if c.URL != "" {
		return c.URL
	}
	return "http://" + c.Listen
}

// Where a call from a number rings that has no room with the person yet.
const (
	InboundLine   = "line"   // in one room for each person
	InboundPortal = "portal" // in a room for each number and person, if double_puppet lets us make it
)

func (c Config) inbound() error {
	switch {
	case c.Inbound != InboundLine && c.Inbound != InboundPortal:
		return fmt.Errorf("inbound: expected line or portal, found %q", c.Inbound)
	case c.Inbound == InboundPortal && c.Account.given():
		return errors.New("inbound: expected line, because an ordinary account (account.user) is in one room with each person")
	case c.DoublePuppet != "" && c.Account.given():
		return errors.New("double_puppet: expected nothing, because an ordinary account (account.user) makes no telephone users")
	case c.Inbound == InboundPortal && c.DoublePuppet == "":
		return errors.New("inbound: expected double_puppet as well, because nobody but an administrator can let people join rooms by themselves")
	}
	return nil
}

// Validate says what is wrong with each field, once defaults are filled in.
func (c Config) Validate() error {
	errs := []error{
		webAddress("homeserver", c.Homeserver),
		matching("domain", c.Domain, serverName, "a server name like example.org"),
		webAddress("url", c.url()),
		matching("bot", c.Bot, localpart, "a localpart of the characters a-z 0-9 . _ = - /"),
		matching("prefix", c.Prefix, localpart, "a localpart of the characters a-z 0-9 . _ = - /"),
		given("registration", c.Registration, "a file name"),
		c.inbound(),
		c.Encryption.validate(),
		c.Account.validate(c.Domain),
		within("send_timeout", c.SendTimeout, time.Second, 2*time.Minute),
		within("connect_timeout", c.ConnectTimeout, time.Second, 2*time.Minute),
		within("ring_timeout", c.RingTimeout, minLifetime, maxLifetime),
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		errs = append(errs, fmt.Errorf("listen: expected host:port like 127.0.0.1:29500, found %q", c.Listen))
	}
	if strings.HasPrefix(c.Bot, c.Prefix) {
		errs = append(errs, fmt.Errorf("bot: expected a localpart that does not begin with the prefix %q", c.Prefix))
	}
	return errors.Join(errs...)
}

// The grammar of Matrix identifiers (Matrix 1.18, appendices, "Identifier grammar").
var (
	serverName = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+)(:[0-9]{1,5})?$`)
	localpart  = regexp.MustCompile(`^[a-z0-9._=/-]+$`)
	roomID     = regexp.MustCompile(`^![^\s]{1,254}$`) // since room version 12 without a server
)

func webAddress(field, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%s: expected an address like http://127.0.0.1:8008, found %q", field, value)
	}
	if u.User != nil {
		return fmt.Errorf("%s: expected an address without a user name and password", field)
	}
	return nil
}

func matching(field, value string, form *regexp.Regexp, expected string) error {
	if !form.MatchString(value) {
		return fmt.Errorf("%s: expected %s, found %q", field, expected, value)
	}
	return nil
}

func given(field, value, expected string) error {
	if value == "" {
		return fmt.Errorf("%s: expected %s", field, expected)
	}
	return nil
}

func within(field string, d, low, high time.Duration) error {
	if d < low || d > high {
		return fmt.Errorf("%s: expected %v to %v, found %v", field, low, high, d)
	}
	return nil
}
