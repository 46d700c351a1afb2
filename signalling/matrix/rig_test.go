package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomline/media"
	"roomline/media/peer"
	"roomline/signalling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	alice   = "@alice:example.org"
	mallet  = "@mallet:evil.org"
	room    = "!dm:example.org"
	ghost   = "@tel_49301234567:example.org"
	dialled = "+49301234567"
	offer   = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0 8\r\n"
)

// patience is how long a test waits for what has to happen.
const patience = 5 * time.Second

// sent is one event that we sent into a room.
type sent struct {
	Type, Room, As, Txn string
	Body                map[string]any
	Raw                 string
}

// synapse is a scripted homeserver: it takes what we send, says what the test
// wants, and pushes transactions to us as Synapse does.
type synapse struct {
	*httptest.Server
	hsToken, asToken string

	events chan sent

	mu      sync.Mutex
	members map[string][]string // by room
	public  map[string]bool
	rooms   []json.RawMessage // asked to create
	calls   []string          // "POST register tel_…", in order
	script  func(sent) (status int, body string)
	down    bool
	txn     int
	tries   []sent // every attempt to send, also refused ones
}

func newServer(t *testing.T) *synapse {
	s := &synapse{events: make(chan sent, 1000), members: map[string][]string{}, public: map[string]bool{}}
	mux := http.NewServeMux()
	const v3 = "/_matrix/client/v3/"
	mux.HandleFunc("POST "+v3+"register", s.note(func(r *http.Request, body map[string]any) any {
		return map[string]any{"user_id": fmt.Sprintf("@%v:example.org", body["username"])}
	}))
	mux.HandleFunc("PUT "+v3+"profile/{user}/displayname", s.note(nil))
	mux.HandleFunc("POST "+v3+"join/{room}", s.note(s.join))
	mux.HandleFunc("POST "+v3+"rooms/{room}/join", s.note(s.join))
	mux.HandleFunc("POST "+v3+"rooms/{room}/leave", s.note(nil))
	mux.HandleFunc("POST "+v3+"rooms/{room}/invite", s.note(nil))
	mux.HandleFunc("POST "+v3+"createRoom", s.note(s.create))
	mux.HandleFunc("GET "+v3+"rooms/{room}/joined_members", s.joined)
	mux.HandleFunc("GET "+v3+"rooms/{room}/state/m.room.join_rules/{$}", s.joinRule)
	mux.HandleFunc("GET "+v3+"rooms/{room}/state/m.room.join_rules", s.joinRule)
	mux.HandleFunc("PUT "+v3+"rooms/{room}/send/{type}/{txn}", s.send)
	mux.HandleFunc("POST /_matrix/client/v1/appservice/{id}/ping", s.note(nil))
	s.Server = httptest.NewServer(s.guard(mux))
	t.Cleanup(s.Close)
	return s
}

func (s *synapse) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		down := s.down
		s.mu.Unlock()
		switch {
		case down:
			w.WriteHeader(http.StatusBadGateway)
		case r.Header.Get("Authorization") != "Bearer "+s.asToken:
			answer(w, http.StatusUnauthorized, `{"errcode":"M_UNKNOWN_TOKEN","error":"who?"}`)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func (s *synapse) note(f func(*http.Request, map[string]any) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var body map[string]any
		json.Unmarshal(raw, &body)
		line := r.Method + " " + strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/_matrix/client/v3/"), "/_matrix/client/")
		for _, k := range []string{"username", "displayname", "user_id"} {
			if v, ok := body[k].(string); ok {
				line += " " + v
			}
		}
		s.mu.Lock()
		s.calls = append(s.calls, line)
		s.mu.Unlock()
		var res any = map[string]any{}
		if f != nil {
			res = f(r, body)
		}
		json.NewEncoder(w).Encode(res)
	}
}

func (s *synapse) join(r *http.Request, _ map[string]any) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := r.PathValue("room")
	s.members[room] = append(s.members[room], r.URL.Query().Get("user_id"))
	return map[string]string{"room_id": room}
}

func (s *synapse) create(r *http.Request, body map[string]any) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, _ := json.Marshal(body)
	s.rooms = append(s.rooms, raw)
	room := fmt.Sprintf("!made%d:example.org", len(s.rooms))
	s.members[room] = []string{r.URL.Query().Get("user_id")}
	return map[string]string{"room_id": room}
}

func (s *synapse) joined(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.members[r.PathValue("room")]
	if !slices.Contains(list, r.URL.Query().Get("user_id")) {
		answer(w, http.StatusForbidden, `{"errcode":"M_FORBIDDEN","error":"not there"}`)
		return
	}
	names := map[string]any{}
	for _, user := range list {
		names[user] = map[string]any{"display_name": "The " + user[1:4]}
	}
	json.NewEncoder(w).Encode(map[string]any{"joined": names})
}

func (s *synapse) joinRule(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rule := "invite"
	if s.public[r.PathValue("room")] {
		rule = "public"
	}
	answer(w, http.StatusOK, `{"join_rule":"`+rule+`"}`)
}

func (s *synapse) send(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	e := sent{Type: r.PathValue("type"), Room: r.PathValue("room"), As: r.URL.Query().Get("user_id"), Txn: r.PathValue("txn"), Raw: string(raw)}
	json.Unmarshal(raw, &e.Body)
	status, body := http.StatusOK, `{"event_id":"$`+e.Txn+`"}`
	s.mu.Lock()
	s.tries = append(s.tries, e)
	if s.script != nil {
		if code, text := s.script(e); code != 0 {
			status, body = code, text
		}
	}
	s.mu.Unlock()
	if status == http.StatusOK {
		s.events <- e
	}
	answer(w, status, body)
}

func (s *synapse) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// said tells whether a line is among what was asked of the server.
func (s *synapse) said(line string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.calls, func(c string) bool { return strings.HasPrefix(c, line) })
}

// board is a switchboard that takes every call and lets the test play it.
type board struct {
	in   chan signalling.Incoming
	deny atomic.Pointer[signalling.Reason]
}

func (b *board) Accept(in signalling.Incoming) (signalling.Reason, bool) {
	if r := b.deny.Load(); r != nil {
		return *r, false
	}
	b.in <- in
	return signalling.Reason{}, true
}

// fakePeers make peers that connect when the test says so.
type fakePeers struct {
	made chan *fakePeer
	fail error
}

func (f *fakePeers) Formats(offer string) ([]media.Format, error) {
	if !strings.Contains(offer, "m=audio") {
		return nil, errors.New("no audio")
	}
	return []media.Format{media.PCMU, media.PCMA}, nil
}

func (f *fakePeers) Answer(offer string, pick media.Format, on func(peer.State)) (Peer, string, error) {
	return f.make(pick, on, "answer to "+fmt.Sprint(len(offer)))
}

func (f *fakePeers) Offer(formats []media.Format, on func(peer.State)) (Peer, string, error) {
	return f.make(formats[0], on, offer)
}

func (f *fakePeers) make(m media.Format, on func(peer.State), sdp string) (Peer, string, error) {
	if f.fail != nil {
		return nil, "", f.fail
	}
	p := &fakePeer{format: m, on: on}
	f.made <- p
	return p, sdp, nil
}

type fakePeer struct {
	format media.Format
	on     func(peer.State)

	mu         sync.Mutex
	accepted   string
	candidates []string
	offers     []string
	digits     string
	held       bool
	closed     bool
}

func (p *fakePeer) Format() media.Format            { return p.format }
func (p *fakePeer) WritePacket(*media.Packet) error { return nil }
func (p *fakePeer) SendTo(media.Sink)               {}
func (p *fakePeer) Stats() media.Stats              { return media.Stats{} }
func (p *fakePeer) StreamID() string                { return "stream1" }
func (p *fakePeer) Close() error                    { p.set(func() { p.closed = true }); return nil }
func (p *fakePeer) SendDigit(d byte) error          { p.set(func() { p.digits += string(d) }); return nil }
func (p *fakePeer) Accept(sdp string) error         { p.set(func() { p.accepted = sdp }); return nil }

func (p *fakePeer) AddCandidate(c peer.Candidate) error {
	p.set(func() { p.candidates = append(p.candidates, c.Candidate) })
	return nil
}

func (p *fakePeer) Renegotiate(offer string) (string, bool, error) {
	p.set(func() { p.offers = append(p.offers, offer) })
	return "renegotiated", strings.Contains(offer, "sendonly"), nil
}

func (p *fakePeer) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *fakePeer) get(f func() string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return f()
}

func (p *fakePeer) heardCandidates() string {
	return p.get(func() string { return strings.Join(p.candidates, ",") })
}

// digitsOnly reads numbers simply: digits with "+", 00 for it, or few digits.
type digitsOnly struct{}

func (digitsOnly) Parse(typed string) (string, error) {
	typed = strings.ReplaceAll(strings.TrimSpace(typed), " ", "")
	if rest, ok := strings.CutPrefix(typed, "00"); ok {
		typed = "+" + rest
	}
	if typed == "" || strings.Trim(typed, "+0123456789*#") != "" {
		return "", errors.New("not a number")
	}
	return typed, nil
}

func (digitsOnly) Format(n string) string { return strings.Replace(n, "+49", "+49 ", 1) }

// rig is a client between a scripted homeserver and a board.
type rig struct {
	t     *testing.T
	hs    *synapse
	c     *Client
	board *board
	peers *fakePeers
	cfg   Config
	seq   int
	start time.Time
}

type option func(*Config, *Client)

func newRig(t *testing.T, options ...option) *rig {
	t.Helper()
	r := &rig{t: t, hs: newServer(t), board: &board{in: make(chan signalling.Incoming, 100)}, peers: &fakePeers{made: make(chan *fakePeer, 100)}, start: time.Now()}
	dir := t.TempDir()
	r.cfg = Config{Homeserver: r.hs.URL, Domain: "example.org", Listen: "127.0.0.1:0",
		Registration: filepath.Join(dir, "registration.yaml"), Database: filepath.Join(dir, "matrix.db")}
	r.cfg.Defaults()
	for _, o := range options {
		o(&r.cfg, nil)
	}
	if _, err := WriteRegistration(r.cfg); err != nil {
		t.Fatal(err)
	}
	reg, err := LoadRegistration(r.cfg.Registration)
	if err != nil {
		t.Fatal(err)
	}
	r.hs.asToken, r.hs.hsToken = reg.AppToken, reg.ServerToken
	r.begin(options...)
	return r
}

// begin makes and starts a client on what an earlier one left.
func (r *rig) begin(options ...option) {
	r.t.Helper()
	c, err := newClient(r.cfg, r.peers, digitsOnly{}, nil, r.board, discard())
	if err != nil {
		r.t.Fatal(err)
	}
	c.pace = pace{2 * time.Millisecond, 20 * time.Millisecond}
	for _, o := range options {
		o(&c.cfg, c)
	}
	if err := c.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.c = c
	r.t.Cleanup(func() { c.Close() })
}

// push sends one transaction, as the homeserver does.
func (r *rig) push(events ...map[string]any) {
	r.t.Helper()
	r.hs.mu.Lock()
	r.hs.txn++
	txn := r.hs.txn
	r.hs.mu.Unlock()
	if status := r.pushAs(fmt.Sprint("txn", txn), events...); status != http.StatusOK {
		r.t.Fatalf("transaction: %d", status)
	}
}

func (r *rig) pushAs(txn string, events ...map[string]any) int {
	r.t.Helper()
	body, err := json.Marshal(map[string]any{"events": events})
	if err != nil {
		r.t.Fatal(err)
	}
	status, _ := r.ask(http.MethodPut, "/_matrix/app/v1/transactions/"+url.PathEscape(txn), "Bearer "+r.hs.hsToken, bytes.NewReader(body))
	return status
}

// ask is a request of the homeserver to us.
func (r *rig) ask(method, path, authorization string, body io.Reader) (int, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, "http://"+r.c.Addr()+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

// event makes an event as it stands in a transaction.
func (r *rig) event(eventType, sender string, content map[string]any) map[string]any {
	r.seq++
	return map[string]any{"type": eventType, "sender": sender, "room_id": room, "event_id": fmt.Sprintf("$ev%d", r.seq),
		"origin_server_ts": time.Now().UnixMilli(), "unsigned": map[string]any{"age": 5}, "content": content}
}

// v1 makes a call event of version 1 from alice's phone.
func (r *rig) v1(eventType string, extra map[string]any) map[string]any {
	content := map[string]any{"version": "1", "call_id": "call1", "party_id": "PHONE"}
	for k, v := range extra {
		content[k] = v
	}
	return r.event(eventType, alice, content)
}

func (r *rig) inviteV1() map[string]any {
	return r.v1(typeInvite, map[string]any{"lifetime": 60000, "offer": map[string]any{"type": "offer", "sdp": offer}})
}

func (r *rig) inviteV0() map[string]any {
	return r.event(typeInvite, alice, map[string]any{"version": 0, "call_id": "call1", "lifetime": 60000,
		"offer": map[string]any{"type": "offer", "sdp": offer}})
}

func with(e map[string]any, field string, value any) map[string]any {
	e[field] = value
	return e
}

// meet puts alice and a telephone into the room, as after an invitation.
func (r *rig) meet() *rig {
	r.t.Helper()
	r.hs.set(func() { r.hs.members[room] = []string{alice, ghost} })
	if err := r.c.store.setRoom(context.Background(), room, ghost, alice); err != nil {
		r.t.Fatal(err)
	}
	return r
}

// take waits for a call to reach the board and makes its leg.
func (r *rig) take() (signalling.Incoming, *signalling.Inbox, signalling.Leg) {
	r.t.Helper()
	select {
	case in := <-r.board.in:
		box := signalling.NewInbox("test", slog.New(slog.DiscardHandler))
		return in, box, in.Leg(box)
	case <-time.After(patience):
		r.t.Fatal("no call reached the switchboard")
	}
	return signalling.Incoming{}, nil, nil
}

func (r *rig) peer() *fakePeer {
	r.t.Helper()
	select {
	case p := <-r.peers.made:
		return p
	case <-time.After(patience):
		r.t.Fatal("no peer was made")
	}
	return nil
}

// expect is the next event that we send; it must be of this type.
func (r *rig) expect(eventType string) sent {
	r.t.Helper()
	select {
	case e := <-r.hs.events:
		if e.Type != eventType {
			r.t.Fatalf("sent %s %s, expected %s", e.Type, e.Raw, eventType)
		}
		return e
	case <-time.After(patience):
		r.t.Fatalf("%s was not sent", eventType)
	}
	return sent{}
}

// notice is the next event, and must be this sentence.
func (r *rig) notice(text string) {
	r.t.Helper()
	if got := r.expect(typeNotice).Body["body"]; got != text {
		r.t.Errorf("notice %q, expected %q", got, text)
	}
}

// quiet checks that nothing more was sent once all is over.
func (r *rig) quiet() {
	r.t.Helper()
	r.c.outboxes.Wait()
	select {
	case e := <-r.hs.events:
		r.t.Errorf("sent %s %s, expected nothing more", e.Type, e.Raw)
	default:
	}
}

// settled waits until the client has looked at everything pushed so far, by
// placing a call that it refuses.
func (r *rig) settled() {
	r.t.Helper()
	probe := r.v1(typeInvite, map[string]any{"call_id": fmt.Sprint("probe", r.seq), "offer": map[string]any{"sdp": "no sound"}})
	r.push(probe)
	for {
		select {
		case e := <-r.hs.events:
			if e.Type == typeReject && strings.HasPrefix(fmt.Sprint(e.Body["call_id"]), "probe") {
				r.expect(typeNotice)
				return
			}
			r.t.Errorf("sent %s %s, expected nothing", e.Type, e.Raw)
		case <-time.After(patience):
			r.t.Fatal("the client is stuck")
		}
	}
}

// follow waits for these events in the call's inbox, in this order, and
// returns the last.
func (r *rig) follow(in *signalling.Inbox, kinds ...signalling.Kind) signalling.Event {
	r.t.Helper()
	deadline := time.After(patience)
	var last signalling.Event
	var queue []signalling.Event
	for _, want := range kinds {
		for len(queue) == 0 {
			select {
			case <-in.Ready():
				queue = in.Take()
			case <-deadline:
				r.t.Fatalf("no %v was posted", want)
			}
		}
		if last, queue = queue[0], queue[1:]; last.Kind != want {
			r.t.Fatalf("posted %v (%v), expected %v", last.Kind, last.Reason, want)
		}
	}
	for _, e := range queue {
		in.Post(e)
	}
	return last
}

// ends waits for HungUp with this cause and then Gone.
func (r *rig) ends(in *signalling.Inbox, cause signalling.Cause) {
	r.t.Helper()
	if e := r.follow(in, signalling.HungUp); e.Reason.Cause != cause {
		r.t.Errorf("ended with %v, expected %v", e.Reason, cause)
	}
	r.follow(in, signalling.Gone)
}

// until waits for a condition that nothing announces.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("never came true: %s", what)
		}
	}
}

func (r *rig) wantBody(e sent, field string, value any) {
	r.t.Helper()
	if fmt.Sprint(e.Body[field]) != fmt.Sprint(value) {
		r.t.Errorf("%s: %s is %v, expected %v", e.Type, field, e.Body[field], value)
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
