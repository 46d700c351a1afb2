package e2ee

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"maunium.net/go/mautrix"
)

// claims takes out of an answer to POST /keys/claim (Matrix 1.18, "Claiming
// one-time keys") the devices that were not asked for. Homeservers pass on what
// others answer, and the library would give up over such a device, and with it
// whatever is to be said to all others.
type claims struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (c claims) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || !strings.HasSuffix(r.URL.Path, "/keys/claim") {
		return c.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil {
		return nil, err
	}
	same := r.Clone(r.Context())
	same.Body = io.NopCloser(bytes.NewReader(body))
	res, err := c.next.RoundTrip(same)
	if err != nil || res.StatusCode != http.StatusOK {
		return res, err
	}
	answer, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	answer = onlyAsked(body, answer)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(answer)), int64(len(answer))
	return res, nil
}

// claimed is what a request and its answer have in common.
type claimed struct {
	Keys     map[string]map[string]json.RawMessage `json:"one_time_keys"`
	Failures json.RawMessage                       `json:"failures,omitempty"`
}

// onlyAsked is an answer without what was not asked for. One that cannot be read
// stays as it is.
func onlyAsked(request, answer []byte) []byte {
	var asked, got claimed
	if json.Unmarshal(request, &asked) != nil || json.Unmarshal(answer, &got) != nil {
		return answer
	}
	for user, devices := range got.Keys {
		for device := range devices {
			if _, ok := asked.Keys[user][device]; !ok {
				delete(devices, device)
			}
		}
	}
	less, err := json.Marshal(got)
	if err != nil {
		return answer
	}
	return less
}

// client speaks as one of our users from one of its devices.
func (d *Devices) client(user, device string) *mautrix.Client {
	client := d.hs.Client(user, device)
	web := *client.Client
	if web.Transport == nil {
		web.Transport = http.DefaultTransport
	}
	web.Transport = claims{web.Transport}
	client.Client = &web
	return client
}
