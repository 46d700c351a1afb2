package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"roomline/internal/secret"
	"roomline/media"
)

// TrunkConfig is one carrier or PBX.
type TrunkConfig struct {
	Host           string        `yaml:"host"`            // name or address, with an optional port (5060)
	Transport      string        `yaml:"transport"`       // udp (the default), tcp, tls, ws or wss
	TLS            TrunkTLS      `yaml:"tls"`             // for tls and wss
	WSPath         string        `yaml:"ws_path"`         // of the trunk's WebSocket, for ws and wss; default /
	Keepalive      time.Duration `yaml:"keepalive"`       // between two OPTIONS that ask whether it is there; 0: none; default 30s
	Username       string        `yaml:"username"`        // for digest authentication; empty: none
	Password       secret.Value  `yaml:"password"`        // likewise
	Realm          string        `yaml:"realm"`           // the only realm that is answered; empty: whatever the trunk's own host asks with
	Numbers        []string      `yaml:"numbers"`         // those that lead here, E.164
	CallerID       string        `yaml:"caller_id"`       // sent with outgoing calls; empty: the first of numbers
	NumberFormat   string        `yaml:"number_format"`   // e164 (+4930…, the default), plus-less (4930…) or asis
	Codecs         []string      `yaml:"codecs"`          // in order of preference; default pcmu, pcma, g722
	AllowFrom      []string      `yaml:"allow_from"`      // addresses or CIDRs that calls may come from, besides the host's own
	TrustIdentity  bool          `yaml:"trust_identity"`  // callers are who the trunk's network says; default false: who they say themselves
	SendIdentity   Asserted      `yaml:"send_identity"`   // tell the trunk who is here, also after a transfer, and in which header; default not
	AcceptRefer    bool          `yaml:"accept_refer"`    // the far end may transfer calls by REFER, as the user it talks with; for a PBX of yours; default false
	Transfer       string        `yaml:"transfer"`        // how calls are transferred: auto (the default), refer or bridge
	ReferTo        string        `yaml:"refer_to"`        // how a transfer names the new number: sip (the default) or tel
	EarlyMedia     string        `yaml:"early_media"`     // what a Matrix caller hears before the answer: ring (the default), the client's own tone, or connect, what the trunk plays
	Reliable       string        `yaml:"reliable"`        // provisional responses with PRACK (RFC 3262): off, supported (the default) or required
	ConnectTimeout time.Duration `yaml:"connect_timeout"` // no answer at all to an INVITE for so long: the trunk is unreachable; default 4s
	OutboundProxy  string        `yaml:"outbound_proxy"`  // where everything for the trunk goes, as host, when that is not host itself; its address counts as the trunk's own
	Register       Register      `yaml:"register"`        // for a trunk that calls whoever has registered
	Messages       bool          `yaml:"messages"`        // text messages (MESSAGE) come and go; default false
	Redirects      int           `yaml:"redirects"`       // how many redirections of a call (3xx) are followed one after the other, 0 to 3, to the trunk's own addresses and to numbers that the user may call; default 0
	SilenceTimeout time.Duration `yaml:"silence_timeout"` // no packet for so long in a call that is not on hold: the audio is lost; default 15s
	Challenge      Challenge     `yaml:"challenge"`       // what the trunk must prove beside its address; default nothing
	STIR           STIR          `yaml:"stir"`            // how callers' numbers are vouched for; default not
	SessionExpires time.Duration `yaml:"session_expires"` // session timer (RFC 4028) that we ask for; 0: none of ours; default 30m
	SessionMin     time.Duration `yaml:"session_min"`     // the shortest that we take; default 90s
	WebRTC         bool          `yaml:"webrtc"`          // audio as browsers have it: DTLS-SRTP, and ICE of which we do the lite half; default false
	SRTP           string        `yaml:"srtp"`            // audio encrypted by keys in SDP: off, optional or required; empty: required where the transport is tls or wss, else off
	DTMF           string        `yaml:"dtmf"`            // how digits are sent: auto (the default), rfc4733, info or inband
}

// TrunkDefaults are the values of the fields that a trunk leaves out.
func TrunkDefaults() TrunkConfig {
	return TrunkConfig{Transport: "udp", WSPath: "/", Keepalive: 30 * time.Second, NumberFormat: formatE164, Codecs: []string{"pcmu", "pcma", "g722"},
		Transfer: transferAuto, ReferTo: "sip", Register: Register{Expires: time.Hour},
		ConnectTimeout: 4 * time.Second, SilenceTimeout: 15 * time.Second,
		SessionExpires: 30 * time.Minute, SessionMin: shortestSession, DTMF: dtmfAuto,
		EarlyMedia: earlyRing, Reliable: reliableSupported,
		Challenge: defaultChallenge(), STIR: defaultSTIR()}
}

// The spellings of numbers toward a trunk.
const (
	formatE164     = "e164"
	formatPlusLess = "plus-less"
	formatAsIs     = "asis"
)

// The ways of a transfer.
const (
	transferAuto   = "auto"   // REFER where the far end's Allow lists it
	transferRefer  = "refer"  // always REFER
	transferBridge = "bridge" // never
)

// withDefaults fills in what was left out. What is true or false is taken as
// it stands: TrunkDefaults says what it begins as.
func (t TrunkConfig) withDefaults() TrunkConfig {
	d := TrunkDefaults()
	if t.Transport == "" {
		t.Transport = d.Transport
	}
	if t.WSPath == "" {
		t.WSPath = d.WSPath
	}
	if t.NumberFormat == "" {
		t.NumberFormat = d.NumberFormat
	}
	if len(t.Codecs) == 0 {
		t.Codecs = d.Codecs
	}
	if t.Transfer == "" {
		t.Transfer = d.Transfer
	}
	if t.ReferTo == "" {
		t.ReferTo = d.ReferTo
	}
	if t.EarlyMedia == "" {
		t.EarlyMedia = d.EarlyMedia
	}
	if t.Reliable == "" {
		t.Reliable = d.Reliable
	}
	if t.ConnectTimeout == 0 {
		t.ConnectTimeout = d.ConnectTimeout
	}
	if t.SilenceTimeout == 0 {
		t.SilenceTimeout = d.SilenceTimeout
	}
	if t.SessionMin == 0 {
		t.SessionMin = d.SessionMin
	}
	if t.DTMF == "" {
		t.DTMF = d.DTMF
	}
	if t.Register.Expires == 0 {
		t.Register.Expires = d.Register.Expires
	}
	t.Challenge, t.STIR = t.Challenge.withDefaults(), t.STIR.withDefaults()
	if t.CallerID == "" && len(t.Numbers) > 0 {
		t.CallerID = t.Numbers[0]
	}
	if t.CallerID == "" {
		t.CallerID = t.Username
	}
	return t
}

// Validate says which field cannot work and why. Fields left out are judged
// by their defaults.
func (t TrunkConfig) Validate() error {
	t = t.withDefaults()
	return errors.Join(t.validHost(), t.validReach(), t.validProxy(), t.Register.validate(t), t.validWords(), t.validAuth(), t.validNumbers(), t.validSources(), t.validTimes(), t.validSession(), t.validDTMF(), t.validRedirects(), t.validSRTP(),
		t.Challenge.Validate(), t.STIR.Validate())
}

func (t TrunkConfig) validHost() error {
	if _, _, err := splitHost(t.Host); err != nil {
		return fmt.Errorf("host: %w", err)
	}
	return nil
}

func (t TrunkConfig) validWords() error {
	var errs []error
	switch t.NumberFormat {
	case formatE164, formatPlusLess, formatAsIs:
	default:
		errs = append(errs, fmt.Errorf("number_format: expected e164, plus-less or asis, found %q", t.NumberFormat))
	}
	switch t.Transfer {
	case transferAuto, transferRefer, transferBridge:
	default:
		errs = append(errs, fmt.Errorf("transfer: expected auto, refer or bridge, found %q", t.Transfer))
	}
	if t.ReferTo != "sip" && t.ReferTo != "tel" {
		errs = append(errs, fmt.Errorf("refer_to: expected sip or tel, found %q", t.ReferTo))
	}
	errs = append(errs, t.validEarly())
	for i, c := range t.Codecs {
		if _, ok := codec(c); !ok {
			errs = append(errs, fmt.Errorf("codecs[%d]: expected pcmu, pcma, g722 or opus, found %q", i, c))
		}
	}
	return errors.Join(errs...)
}

func (t TrunkConfig) validAuth() error {
	if t.Password.Set() && t.Username == "" {
		return errors.New("username: expected one, because there is a password")
	}
	if t.Username != "" && !t.Password.Set() {
		return errors.New("password: expected one, because there is a username")
	}
	return nil
}

func (t TrunkConfig) validNumbers() error {
	var errs []error
	for i, n := range t.Numbers {
		if dialled(n) == "" {
			errs = append(errs, fmt.Errorf("numbers[%d]: expected a telephone number, found %q", i, n))
		}
	}
	if t.CallerID == "" || dialled(t.CallerID) == "" {
		errs = append(errs, fmt.Errorf("caller_id: expected a telephone number, here or in numbers, found %q", t.CallerID))
	}
	return errors.Join(errs...)
}

func (t TrunkConfig) validSources() error {
	var errs []error
	for i, s := range t.AllowFrom {
		if _, err := parseSource(s); err != nil {
			errs = append(errs, fmt.Errorf("allow_from[%d]: expected an address or a CIDR like 203.0.113.0/24, found %q", i, s))
		}
	}
	return errors.Join(errs...)
}

func (t TrunkConfig) validTimes() error {
	var errs []error
	if t.ConnectTimeout < 100*time.Millisecond || t.ConnectTimeout > 32*time.Second {
		errs = append(errs, fmt.Errorf("connect_timeout: expected 100ms to 32s, found %s", t.ConnectTimeout))
	}
	if t.SilenceTimeout < time.Second || t.SilenceTimeout > holdLimit {
		errs = append(errs, fmt.Errorf("silence_timeout: expected 1s to %s, found %s", holdLimit, t.SilenceTimeout))
	}
	return errors.Join(errs...)
}

// parseSource reads an address or CIDR. IPv4 written as IPv6 (RFC 4291
// §2.5.5.2) is IPv4, as it is where packets come from.
func parseSource(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if a := p.Addr(); err == nil && a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), err
}

// codec knows the configured names of the formats a trunk may use today.
func codec(name string) (media.Format, bool) {
	for _, f := range []media.Format{media.PCMU, media.PCMA, media.G722, media.Opus} {
		if strings.EqualFold(f.Name, name) {
			return f, true
		}
	}
	return media.Format{}, false
}

func formats(names []string) []media.Format {
	var all []media.Format
	for _, n := range names {
		if f, ok := codec(n); ok {
			all = append(all, f)
		}
	}
	return all
}
