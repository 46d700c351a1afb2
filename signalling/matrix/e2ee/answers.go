package e2ee

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"maunium.net/go/mautrix"
)

// answers takes out of what the homeserver says of keys what nobody asked for,
// and what no client makes. Homeservers pass on what others answer; the library
// would give up over a device that it did not ask for, and with it whatever is to
// be said to all others, and look at every signature again for each key.
type answers struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	var sift func(request, answer []byte) []byte
	switch {
	case strings.HasSuffix(r.URL.Path, "/keys/claim"):
		sift = claims
	case strings.HasSuffix(r.URL.Path, "/keys/query"):
		sift = queries
	}
	if r.Body == nil || sift == nil {
		return a.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil {
		return nil, err
	}
	same := r.Clone(r.Context())
	same.Body = io.NopCloser(bytes.NewReader(body))
	res, err := a.next.RoundTrip(same)
	if err != nil || res.StatusCode != http.StatusOK {
		return res, err
	}
	answer, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	answer = sift(body, answer)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(answer)), int64(len(answer))
	return res, nil
}

type byDevice map[string]map[string]json.RawMessage // by user

// claims sifts POST /keys/claim (Matrix 1.18, "Claiming one-time keys"). An
// answer that cannot be read stays as it is.
func claims(request, answer []byte) []byte {
	type claimed struct {
		Keys byDevice `json:"one_time_keys"`
	}
	var asked, got claimed
	if json.Unmarshal(request, &asked) != nil || json.Unmarshal(answer, &got) != nil {
		return answer
	}
	for user, devices := range got.Keys {
		maps.DeleteFunc(devices, func(device string, _ json.RawMessage) bool {
			_, ok := asked.Keys[user][device]
			return !ok
		})
	}
	return written(got, answer)
}

// What a key of somebody may take, in bytes; a device has one thousand.
const (
	maxDeviceKeys   = 8 << 10
	maxIdentityKeys = 64 << 10 // which may be signed by every device
)

// queries sifts POST /keys/query (Matrix 1.18, "Querying keys").
func queries(_, answer []byte) []byte {
	type byUser map[string]json.RawMessage
	var got struct {
		Devices     byDevice        `json:"device_keys"`
		Masters     byUser          `json:"master_keys,omitempty"`
		SelfSigning byUser          `json:"self_signing_keys,omitempty"`
		UserSigning byUser          `json:"user_signing_keys,omitempty"`
		Failures    json.RawMessage `json:"failures,omitempty"`
	}
	if json.Unmarshal(answer, &got) != nil {
		return answer
	}
	for _, devices := range got.Devices {
		maps.DeleteFunc(devices, func(device string, keys json.RawMessage) bool { return !plain(device) || len(keys) > maxDeviceKeys })
		for _, device := range slices.Sorted(maps.Keys(devices))[min(len(devices), maxDevices):] {
			delete(devices, device)
		}
	}
	for _, all := range []byUser{got.Masters, got.SelfSigning, got.UserSigning} {
		maps.DeleteFunc(all, func(_ string, key json.RawMessage) bool { return !one(key) })
	}
	return written(got, answer)
}

// one tells whether a cross-signing key is a single one, for one use.
func one(key json.RawMessage) bool {
	var k struct {
		Usage []json.RawMessage          `json:"usage"`
		Keys  map[string]json.RawMessage `json:"keys"`
	}
	return len(key) <= maxIdentityKeys && json.Unmarshal(key, &k) == nil && len(k.Usage) <= 1 && len(k.Keys) <= 1
}

// written is what was left, or all if it cannot be written.
func written(left any, all []byte) []byte {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // signatures are of what is there
	if e.Encode(left) != nil {
		return all
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

// client speaks as one of our users from one of its devices.
func (d *Devices) client(user, device string) *mautrix.Client {
	client := d.hs.Client(user, device)
	web := *client.Client
	if web.Transport == nil {
		web.Transport = http.DefaultTransport
	}
	web.Transport = answers{web.Transport}
	client.Client = &web
	return client
}
