package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"roomline/test/bench/local"
)

// call places one call from a room, has the trunk answer it, and hangs up. Its
// times are kept where i is not below nought.
func (s *stand) call(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	room, id := (i+s.rooms)%s.rooms, fmt.Sprint("call", i+s.rooms)
	common := map[string]any{"version": "1", "call_id": id, "party_id": "PHONE"}
	answered := s.hs.await(id)
	placed := time.Now()
	if err := s.push(ctx, room, "m.call.invite", with(common, "lifetime", 60000, "invitee", "@tel_493023125606:example.org", "offer", map[string]any{"type": "offer", "sdp": local.Offer})); err != nil {
		return err
	}
	line, err := s.trunk.Wait(ctx)
	if err != nil {
		return fmt.Errorf("%w; %s", err, s.said.Bytes())
	}
	taken := time.Now()
	line.Answer()
	select {
	case at := <-answered:
		if i >= 0 {
			s.out, s.back = append(s.out, line.Invite().At.Sub(placed)), append(s.back, at.Sub(taken))
		}
	case <-ctx.Done():
		return fmt.Errorf("no m.call.answer: %w; %s", ctx.Err(), s.said.Bytes())
	}
	if err := s.push(ctx, room, "m.call.hangup", with(common, "reason", "user_hangup")); err != nil {
		return err
	}
	return line.WaitEnded(ctx)
}

// with is a map with more in it.
func with(m map[string]any, pairs ...any) map[string]any {
	all := map[string]any{}
	for k, v := range m {
		all[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		all[pairs[i].(string)] = pairs[i+1]
	}
	return all
}

func user(room int) string { return fmt.Sprintf("@user%d:example.org", room) }

// homeserver takes whatever it is told at once, and says when a call was answered.
type homeserver struct {
	server *http.Server
	url    string
	pinged chan struct{}

	mu      sync.Mutex
	answers map[string]chan time.Time // by call id
}

func newHomeserver() (*homeserver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &homeserver{url: "http://" + l.Addr().String(), pinged: make(chan struct{}, 1), answers: map[string]chan time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /_matrix/client/v1/appservice/{id}/ping", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case h.pinged <- struct{}{}:
		default:
		}
		_, _ = io.WriteString(w, `{"duration_ms":1}`)
	})
	mux.HandleFunc("GET /_matrix/client/v3/rooms/{room}/joined_members", func(w http.ResponseWriter, r *http.Request) {
		n := strings.TrimSuffix(strings.TrimPrefix(r.PathValue("room"), "!"), ":example.org")
		fmt.Fprintf(w, `{"joined":{"@user%s:example.org":{},"@tel_493023125606:example.org":{}}}`, n)
	})
	mux.HandleFunc("PUT /_matrix/client/v3/rooms/{room}/send/m.call.answer/{txn}", h.answer)
	mux.HandleFunc("PUT /_matrix/client/v3/rooms/{room}/send/{type}/{txn}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"event_id":"$%s"}`, r.PathValue("txn"))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) })
	h.server = &http.Server{Handler: mux}
	go h.server.Serve(l) // ends with close
	return h, nil
}

func (h *homeserver) close() { _ = h.server.Close() }

// await returns where the time of a call's answer will be sent.
func (h *homeserver) await(call string) <-chan time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	ch := make(chan time.Time, 1)
	h.answers[call] = ch
	return ch
}

// answer notes when the event had come whole.
func (h *homeserver) answer(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	at := time.Now()
	var content struct {
		Call string `json:"call_id"`
	}
	_ = json.Unmarshal(raw, &content) // of the gateway: no call_id, no answer
	h.mu.Lock()
	defer h.mu.Unlock()
	if ch := h.answers[content.Call]; ch != nil {
		ch <- at // has room for one
		delete(h.answers, content.Call)
	}
	fmt.Fprintf(w, `{"event_id":"$%s"}`, r.PathValue("txn"))
}
