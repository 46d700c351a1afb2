package matrix

import (
	"context"
	"fmt"
	"net/http"

	"maunium.net/go/mautrix/id"
)

// ownDevices are the devices of the account that have keys, as the homeserver
// shows them to anybody.
type ownDevices struct {
	identity bool // the account has cross-signing keys
	devices  map[string]ownDevice
}

// ownDevice is one of them. Whether its signature is right is not looked at:
// this is only told to people.
type ownDevice struct {
	name   string
	signed bool // by the account's self-signing key
}

// ownDevices asks for them (Matrix 1.18, "POST /keys/query").
func (a *account) ownDevices(ctx context.Context) (own ownDevices, err error) {
	user := a.cfg.Account.User
	var res struct {
		Devices map[string]map[string]struct {
			Signatures map[string]map[string]string `json:"signatures"`
			Unsigned   struct {
				Name string `json:"device_display_name"`
			} `json:"unsigned"`
		} `json:"device_keys"`
		Signing map[string]struct {
			Keys map[string]string `json:"keys"`
		} `json:"self_signing_keys"`
	}
	client := a.self()
	_, err = client.MakeRequest(ctx, http.MethodPost, client.BuildClientURL("v3", "keys", "query"), map[string]any{"device_keys": map[string]any{user: []id.DeviceID{}}}, &res)
	if err != nil {
		return own, fmt.Errorf("keys of %s: %w", user, err)
	}
	keys := res.Signing[user].Keys
	own = ownDevices{len(keys) > 0, map[string]ownDevice{}}
	for device, d := range res.Devices[user] {
		o := ownDevice{name: d.Unsigned.Name}
		for key := range keys {
			o.signed = o.signed || d.Signatures[user][key] != ""
		}
		own.devices[device] = o
	}
	return own, nil
}
