package matrix

import (
	"net/http"

	"roomline/signalling"
)

// ability is whether our users can take part in encrypted rooms, and what is
// missing if not. Its words are also those of the metric.
type ability string

const (
	abilityOff        ability = "off"          // matrix.encryption.enabled is false
	abilityUnknown    ability = "unknown"      // the homeserver has not shown it yet
	abilityOn         ability = "on"           // devices, messages to them, and the counts of their keys
	abilityNoDevices  ability = "no_devices"   // the homeserver lets us make none (MSC4190)
	abilityNoToDevice ability = "no_to_device" // messages to our devices do not reach us (MSC4203, once MSC2409)
	abilityNoCounts   ability = "no_counts"    // what is left of their keys does not (MSC3202)
)

// abilities lists all.
func abilities() []ability {
	return []ability{abilityOff, abilityUnknown, abilityOn, abilityNoDevices, abilityNoToDevice, abilityNoCounts}
}

// The switches of Synapse 1.157 in homeserver.yaml, experimental_features.
const (
	switchToDevice = "msc2409_to_device_messages_enabled"
	switchCounts   = "msc3202_transaction_extensions"
)

// Switches are the lines of homeserver.yaml that encryption needs, for Synapse.
const Switches = `experimental_features:
  ` + switchToDevice + `: true
  ` + switchCounts + `: true
`

// missing tells whether it is certain that nothing of ours can be encrypted.
func (a ability) missing() bool { return a != abilityOn && a != abilityUnknown }

// need is what the homeserver lacks, as people are told.
func (a ability) need() string {
	switch a {
	case abilityNoDevices:
		return "calls from encrypted rooms need a homeserver that lets the telephone gateway have devices (MSC4190)"
	case abilityNoToDevice:
		return "calls from encrypted rooms need " + switchToDevice + " in the homeserver's experimental_features"
	case abilityNoCounts:
		return "calls from encrypted rooms need " + switchCounts + " in the homeserver's experimental_features"
	case abilityUnknown:
		return "the homeserver has not shown yet that calls from encrypted rooms can work"
	}
	return "encryption is not switched on in this telephone gateway (matrix.encryption.enabled)"
}

// sentence says in a room why nothing works there; office is the bot's.
func (a ability) sentence(office bool) string {
	if office {
		return "This room is encrypted, so I cannot read what you say here: " + a.need() + ". Please make a direct chat with me without encryption."
	}
	return "This room is encrypted, and " + a.need() + ". Please call from a room without encryption: nothing in this one rings."
}

// refusal is why a call ends that begins in an encrypted room.
func (a ability) refusal() signalling.Reason {
	return signalling.Reason{Cause: signalling.Forbidden, Detail: "the room is encrypted, and " + a.need()}
}

// ability is whether we can take part in encrypted rooms now.
func (c *Client) ability() ability {
	if c.vault == nil {
		return abilityOff
	}
	if g, ok := c.vault.(*gate); ok {
		return g.ability()
	}
	return abilityOn
}

// abilityPath is where the gateway tells roomline check, which knows the
// hs_token as well, what the test of the homeserver has shown.
const abilityPath = "/_roomline/encryption"

// abilityTold is what stands there.
type abilityTold struct {
	State ability `json:"state"`
}

func (c *Client) tellAbility(w http.ResponseWriter, r *http.Request) {
	can := c.ability()
	if g, ok := c.vault.(*gate); ok {
		can = g.fresh(r.Context())
	}
	reply(w, abilityTold{can})
}

// Encryption names what Roomline can do in encrypted rooms: "on", "off",
// "unknown", or what the homeserver lacks; states lists all that it can be.
func (c *Client) Encryption() (state string, states []string) {
	for _, a := range abilities() {
		states = append(states, string(a))
	}
	c.mu.Lock()
	begun := c.begun
	c.mu.Unlock()
	switch {
	case begun:
		return string(c.ability()), states
	case c.cfg.Encryption.Enabled:
		return string(abilityUnknown), states
	}
	return string(abilityOff), states
}
