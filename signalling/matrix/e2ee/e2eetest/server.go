// Package e2eetest plays a homeserver that knows devices and their keys, with other people's clients on it.
package e2eetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Server is a homeserver without a network: its clients call it directly. It
// implements e2ee.Homeserver. Whoever has no Peer is one of the users under
// test.
type Server struct {
	t testing.TB

	// These are set before the first request.
	Deliver func(user, device string, e *event.Event) // takes a to-device message for a device without a Peer
	Changed func(users []string)                      // is told whose devices have changed
	Before  func(user, request string) error          // is asked before each request, like "POST keys/upload"
	After   func(user, request string) error          // is asked after it, before the answer goes back
	Answer  func(user, request string, answer map[string]any)

	Password string // is asked for before cross-signing keys change; empty: it is not

	mu       sync.Mutex
	devices  map[id.UserID]map[id.DeviceID]*listed
	masters  map[id.UserID]map[string]map[string]any // by user and "master_keys", "self_signing_keys", "user_signing_keys"
	peers    map[id.UserID]map[id.DeviceID]*Peer
	requests map[string]int
	data     map[[2]string]json.RawMessage // by user and type
}

// listed is a device as the homeserver knows it.
type listed struct {
	name     string
	keys     map[string]any
	oneTime  map[string]any
	fallback map[string]any
	used     bool // the fallback key was given away
}

// New is a homeserver without devices.
func New(t testing.TB) *Server {
	return &Server{t: t, devices: map[id.UserID]map[id.DeviceID]*listed{}, masters: map[id.UserID]map[string]map[string]any{},
		peers: map[id.UserID]map[id.DeviceID]*Peer{}, requests: map[string]int{}}
}

// Client implements e2ee.Homeserver.
func (s *Server) Client(user, device string) *mautrix.Client {
	client, err := mautrix.NewClient("http://homeserver.test", id.UserID(user), "secret")
	if err != nil {
		s.t.Fatal(err)
	}
	client.SetAppServiceUserID, client.SetAppServiceDeviceID, client.DeviceID = true, true, id.DeviceID(device)
	client.Client = &http.Client{Transport: s}
	client.DefaultHTTPRetries = 0
	return client
}

// MakeDevice implements e2ee.Homeserver.
func (s *Server) MakeDevice(ctx context.Context, user, device, name string) error {
	client := s.Client(user, device)
	client.SetAppServiceDeviceID = false
	return client.CreateDeviceMSC4190(ctx, id.DeviceID(device), name)
}

// Requests is how often something like "POST keys/upload" was asked.
func (s *Server) Requests(request string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[request]
}

// OneTimeKeys is how many of a device are left, and whether its fallback key
// was never given away.
func (s *Server) OneTimeKeys(user, device string) (left int, fallback bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[id.UserID(user)][id.DeviceID(device)]
	if d == nil {
		return 0, false
	}
	return len(d.oneTime), len(d.fallback) > 0 && !d.used
}

// Devices are the ids of a user's devices.
func (s *Server) Devices(user string) (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for device := range s.devices[id.UserID(user)] {
		all = append(all, device.String())
	}
	return all
}

// SignOut deletes a device.
func (s *Server) SignOut(user, device string) {
	s.mu.Lock()
	delete(s.devices[id.UserID(user)], id.DeviceID(device))
	delete(s.peers[id.UserID(user)], id.DeviceID(device))
	s.mu.Unlock()
	s.changed(user)
}

func (s *Server) changed(users ...string) {
	if s.Changed != nil {
		s.Changed(users)
	}
}

// RoundTrip implements http.RoundTripper.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	user := r.URL.Query().Get("user_id")
	_, path, _ := strings.Cut(r.URL.Path, "/_matrix/client/v3/")
	request := r.Method + " " + name(path)
	s.mu.Lock()
	s.requests[request]++
	s.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if s.Before != nil {
		if err := s.Before(user, request); err != nil {
			return nil, err
		}
	}
	w := httptest.NewRecorder()
	s.serve(w, id.UserID(user), id.DeviceID(r.URL.Query().Get("device_id")), r.Method, path, body)
	if s.After != nil {
		if err := s.After(user, request); err != nil {
			return nil, err
		}
	}
	res := w.Result()
	res.Request = r
	if s.Answer != nil && res.StatusCode == http.StatusOK {
		s.tamper(res, user, request)
	}
	return res, nil
}

// name is a path without what differs from request to request.
func name(path string) string {
	if kind, _, ok := strings.Cut(path, "/"); ok && (kind == "sendToDevice" || kind == "devices") {
		return kind
	}
	return path
}

func (s *Server) tamper(res *http.Response, user, request string) {
	var answer map[string]any
	if json.NewDecoder(res.Body).Decode(&answer) != nil {
		return
	}
	s.Answer(user, request, answer)
	text, _ := json.Marshal(answer)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
}

func reply(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func wrong(w http.ResponseWriter, code, why string) {
	reply(w, http.StatusBadRequest, map[string]any{"errcode": code, "error": why})
}

func merged(into, from any) map[string]any {
	all := map[string]any{}
	if m, ok := into.(map[string]any); ok {
		maps.Copy(all, m)
	}
	if m, ok := from.(map[string]any); ok {
		maps.Copy(all, m)
	}
	return all
}
