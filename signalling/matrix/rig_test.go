package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"roomline/internal/database"
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

// patience is how long a test waits for what has to happen, on a busy machine too.
const patience = 30 * time.Second

// rig is a client between a scripted homeserver and a board.
type rig struct {
	t     *testing.T
	hs    *synapse
	c     *Client
	board *board
	peers *fakePeers
	cfg   Config
	log   *slog.Logger
	path  database.Address
	db    *database.DB
	seq   int
	start time.Time
}

// locals lets the users of one server do everything.
type locals string

func (l locals) May(user string, _ signalling.Level) bool { return server(user) == string(l) }

type option func(*Config, *Client)

func newRig(t *testing.T, options ...option) *rig {
	t.Helper()
	r := &rig{t: t, hs: newServer(t), board: &board{in: make(chan signalling.Incoming, 100)}, peers: &fakePeers{made: make(chan *fakePeer, 100)}, log: discard(), start: time.Now()}
	dir := t.TempDir()
	r.cfg = Config{Homeserver: r.hs.URL, Domain: "example.org", Listen: "127.0.0.1:0",
		Registration: filepath.Join(dir, "registration.yaml")}
	r.path = database.Address(filepath.Join(dir, "matrix.db"))
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
	if r.db != nil {
		r.db.Close()
	}
	var err error
	if r.db, err = database.Open(context.Background(), r.path, r.log); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { r.db.Close() })
	c, err := newClient(r.cfg, r.db, r.peers, digitsOnly{}, nil, r.board, locals("example.org"), r.log)
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
	if r.c.ordinary() {
		r.happens(events)
		return
	}
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

// member makes a change of somebody's membership.
func (r *rig) member(sender, who, membership string) map[string]any {
	return with(r.event("m.room.member", sender, map[string]any{"membership": membership, "is_direct": true}), "state_key", who)
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

// oclock is when a call was missed.
var oclock = regexp.MustCompile(` at [0-9]{2}:[0-9]{2} [A-Z0-9+-]+`)

// notice is the next event, and must be this sentence, at whatever time.
func (r *rig) notice(text string) {
	r.t.Helper()
	if got := oclock.ReplaceAllString(fmt.Sprint(r.expect(typeNotice).Body["body"]), ""); got != text {
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
