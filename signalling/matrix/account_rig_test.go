package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"

	"roomline/internal/database"
	"roomline/internal/secret"
)

const (
	telephone = "@telephone:example.org"
	password  = "correct horse battery staple"
)

// home is a homeserver for ordinary accounts: it lets them log in, answers
// /sync, and asks a synapse behind it for everything else.
type home struct {
	*httptest.Server
	behind http.Handler // nil: nothing
	quit   chan struct{}

	mu       sync.Mutex        // guards what follows
	tokens   map[string]string // token → user
	devices  map[string]string // token → device
	refresh  map[string]bool   // refresh tokens that are good
	expires  int64             // of new tokens, in ms; 0: never
	once     map[string]string // login token → user
	locked   string            // the answer to every login; empty: as it should be
	soft     bool              // unknown tokens are so for a while
	forgets  bool              // no token is known
	logins   []map[string]any  // bodies of /login
	asked    []url.Values      // queries of /sync
	paths    []string          // everything else that was asked
	answers  []string          // to /sync, one after the other; %s is the next token
	waiting  string            // messages to the device that a /sync from nowhere brings
	invites  map[string]string // invite_state events of rooms, as of now
	pages    map[string]string // answers to /messages by room
	made     int
	position int
	broken   string // the answer to every /sync, with status; empty: as it should be
	status   int
	woken    chan struct{}
	keys     string   // the answer to /keys/query
	uploads  []string // devices whose keys were published
}

func newHome(t *testing.T) *home {
	h := &home{quit: make(chan struct{}), tokens: map[string]string{}, devices: map[string]string{}, refresh: map[string]bool{},
		once: map[string]string{}, invites: map[string]string{}, pages: map[string]string{}, woken: make(chan struct{}, 1), keys: `{"device_keys":{}}`}
	mux := http.NewServeMux()
	const v3 = "/_matrix/client/v3/"
	mux.HandleFunc("POST "+v3+"login", h.login)
	mux.HandleFunc("POST "+v3+"refresh", h.renew)
	mux.HandleFunc("GET "+v3+"account/whoami", h.known(h.whoami))
	mux.HandleFunc("POST "+v3+"logout", h.known(func(w http.ResponseWriter, r *http.Request) {
		h.forget(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		answer(w, http.StatusOK, `{}`)
	}))
	mux.HandleFunc("GET "+v3+"sync", h.known(h.sync))
	mux.HandleFunc("POST "+v3+"keys/upload", h.known(h.upload))
	mux.HandleFunc("POST "+v3+"keys/query", h.known(func(w http.ResponseWriter, _ *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		answer(w, http.StatusOK, h.keys)
	}))
	mux.HandleFunc("GET /_matrix/client/versions", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, `{"versions":["v1.18"]}`) })
	mux.HandleFunc("/", h.known(h.other))
	h.Server = httptest.NewServer(mux)
	t.Cleanup(func() { close(h.quit); h.Close() })
	return h
}

func (h *home) set(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// issue makes a token; the caller holds mu.
func (h *home) issue(user, device string) string {
	h.made++
	token := fmt.Sprintf("syt_secret_%d", h.made)
	if device == "" {
		device = fmt.Sprintf("DEVICE%d", h.made)
	}
	h.tokens[token], h.devices[token] = user, device
	return token
}

// forget lets the homeserver know a token no more.
func (h *home) forget(token string) { h.set(func() { delete(h.tokens, token) }) }

func (h *home) forgetAll() { h.set(func() { clear(h.tokens) }) }

func (h *home) login(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Type, Password, Token string
		Identifier            struct{ User string }
		Device                string `json:"device_id"`
		Refresh               bool   `json:"refresh_token"`
	}
	raw, _ := io.ReadAll(r.Body)
	json.Unmarshal(raw, &req)
	h.mu.Lock()
	defer h.mu.Unlock()
	var all map[string]any
	json.Unmarshal(raw, &all)
	h.logins = append(h.logins, all)
	user := h.once[req.Token]
	if req.Type == "m.login.password" && req.Password == password {
		user = req.Identifier.User
	}
	delete(h.once, req.Token)
	switch {
	case h.locked != "":
		w.Header().Set("Retry-After", "7")
		answer(w, http.StatusTooManyRequests, h.locked)
	case user == "":
		answer(w, http.StatusForbidden, `{"errcode":"M_FORBIDDEN","error":"Invalid username or password"}`)
	default:
		h.grant(w, user, req.Device, req.Refresh)
	}
}

func (h *home) grant(w http.ResponseWriter, user, device string, refresh bool) {
	token := h.issue(user, device)
	res := map[string]any{"user_id": user, "device_id": h.devices[token], "access_token": token}
	if refresh {
		h.refresh["r-"+token] = true
		res["refresh_token"] = "r-" + token
	}
	if h.expires > 0 {
		res["expires_in_ms"] = h.expires
	}
	json.NewEncoder(w).Encode(res)
}

func (h *home) renew(w http.ResponseWriter, r *http.Request) {
	var req map[string]string
	json.NewDecoder(r.Body).Decode(&req)
	h.mu.Lock()
	defer h.mu.Unlock()
	old := strings.TrimPrefix(req["refresh_token"], "r-")
	if !h.refresh["r-"+old] {
		answer(w, http.StatusUnauthorized, fmt.Sprintf(`{"errcode":"M_UNKNOWN_TOKEN","error":"no such refresh token","soft_logout":%v}`, h.soft))
		return
	}
	delete(h.refresh, "r-"+old)
	h.grant(w, telephone, h.devices[old], true)
}

func (h *home) known(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		h.mu.Lock()
		user, soft := h.tokens[token], h.soft
		if h.forgets {
			user = ""
		}
		h.mu.Unlock()
		if user == "" {
			answer(w, http.StatusUnauthorized, fmt.Sprintf(`{"errcode":"M_UNKNOWN_TOKEN","error":"who?","soft_logout":%v}`, soft))
			return
		}
		next(w, r)
	}
}

func (h *home) whoami(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	h.mu.Lock()
	defer h.mu.Unlock()
	json.NewEncoder(w).Encode(map[string]string{"user_id": h.tokens[token], "device_id": h.devices[token]})
}

// upload takes the keys of a device.
func (h *home) upload(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Keys *struct {
			Device string `json:"device_id"`
		} `json:"device_keys"`
	}
	json.NewDecoder(r.Body).Decode(&req)
	if req.Keys != nil {
		h.set(func() { h.uploads = append(h.uploads, req.Keys.Device) })
	}
	answer(w, http.StatusOK, `{"one_time_key_counts":{"signed_curve25519":50}}`)
}

// sync answers with what the test has queued, or waits for that.
func (h *home) sync(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.asked = append(h.asked, r.URL.Query())
	first := r.URL.Query().Get("since") == ""
	h.mu.Unlock()
	for {
		if text, status := h.pick(first); text != "" {
			answer(w, status, text)
			return
		}
		select {
		case <-h.woken:
		case <-r.Context().Done():
			return
		case <-h.quit:
			return
		}
	}
}

func (h *home) pick(first bool) (string, int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken != "" {
		return h.broken, h.status
	}
	h.position++
	next := fmt.Sprintf("s%d", h.position)
	if first {
		rooms := []string{}
		for room, events := range h.invites {
			rooms = append(rooms, fmt.Sprintf(`%q:{"invite_state":{"events":[%s]}}`, room, events))
		}
		return fmt.Sprintf(`{"next_batch":%q,"to_device":{"events":[%s]},"rooms":{"invite":{%s}}}`, next, h.waiting, strings.Join(rooms, ",")), http.StatusOK
	}
	if len(h.answers) == 0 {
		return "", 0
	}
	text := h.answers[0]
	h.answers = h.answers[1:]
	return strings.ReplaceAll(text, "%s", next), http.StatusOK
}

// say lets the next /sync bring something.
func (h *home) say(text string) {
	h.set(func() { h.answers = append(h.answers, text) })
	select {
	case h.woken <- struct{}{}:
	default:
	}
}

// tell lets the next /sync bring events of joined rooms.
func (h *home) tell(events ...map[string]any) {
	byRoom := map[string][]map[string]any{}
	for _, e := range events {
		room := e["room_id"].(string)
		e = maps.Clone(e)
		delete(e, "room_id")
		byRoom[room] = append(byRoom[room], e)
	}
	join := map[string]any{}
	for room, list := range byRoom {
		join[room] = map[string]any{"timeline": map[string]any{"events": list}}
	}
	text, _ := json.Marshal(map[string]any{"next_batch": "%s", "rooms": map[string]any{"join": join}})
	h.say(string(text))
}

func (h *home) other(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.paths = append(h.paths, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/_matrix/client/v3/"))
	behind := h.behind
	var page string
	for room, text := range h.pages {
		if strings.Contains(r.URL.Path, room+"/messages") {
			page = text
		}
	}
	h.mu.Unlock()
	switch {
	case page != "":
		answer(w, http.StatusOK, page)
	case behind != nil:
		behind.ServeHTTP(w, r)
	default:
		answer(w, http.StatusNotFound, `{"errcode":"M_NOT_FOUND","error":"none"}`)
	}
}

// asAccount lets a rig be an ordinary account of a homeserver.
func (h *home) asAccount() option {
	return func(c *Config, running *Client) {
		if running != nil || c.Homeserver == h.URL {
			return
		}
		back, _ := url.Parse(c.Homeserver)
		file := c.Registration
		h.behind = &httputil.ReverseProxy{Transport: &http.Transport{DisableKeepAlives: true}, ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(back)
			if reg, err := LoadRegistration(file); err == nil {
				r.Out.Header.Set("Authorization", "Bearer "+reg.AppToken)
			}
			query := r.Out.URL.Query()
			query.Set("user_id", telephone)
			r.Out.URL.RawQuery = query.Encode()
		}}
		c.Homeserver = h.URL
		c.Account = Account{User: telephone, Password: password}
	}
}

// loginsOf are the bodies of /login so far.
func (h *home) loginsOf() []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.logins)
}

// transport is a client of which only the access runs: the test reads what
// comes out of it.
func (h *home) transport(t *testing.T, at database.Address, a Account, before ...func(*Client)) *Client {
	t.Helper()
	db, err := database.Open(context.Background(), at, discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	a.User = telephone
	c, err := newClient(Config{Homeserver: h.URL, Domain: "example.org", Account: a}, db, &fakePeers{}, digitsOnly{}, nil, &board{}, locals("example.org"), discard())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range before {
		f(c)
	}
	for _, step := range []func(context.Context) error{c.takeStock, c.furnish} {
		if err := step(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	c.hs.access.(*account).pace = pace{2 * time.Millisecond, 20 * time.Millisecond}
	if err := c.hs.open(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); db.Close() })
	return c
}

// batch is what comes out of a client's access next.
func batch(t *testing.T, c *Client) []*event.Event {
	t.Helper()
	var list []*event.Event
	for {
		select {
		case e := <-c.hs.events:
			if e == nil {
				return list
			}
			list = append(list, e)
		case <-time.After(patience):
			t.Fatal("nothing came")
		}
	}
}

func secretOf(text string) secret.Value { return secret.Value(text) }
