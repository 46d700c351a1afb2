package main

import (
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

// homeserver takes everything that it is told, and remembers which calls ended.
type homeserver struct {
	server *http.Server
	url    string
	pinged chan struct{}

	mu    sync.Mutex
	ended map[string]bool // by call id
	known map[string]bool // calls of which the gateway said anything
}

func newHomeserver() (*homeserver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &homeserver{url: "http://" + l.Addr().String(), pinged: make(chan struct{}, 1), ended: map[string]bool{}, known: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /_matrix/client/v1/appservice/{id}/ping", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case h.pinged <- struct{}{}:
		default:
		}
		io.WriteString(w, `{"duration_ms":1}`)
	})
	mux.HandleFunc("GET /_matrix/client/v3/rooms/{room}/joined_members", func(w http.ResponseWriter, r *http.Request) {
		n := strings.TrimSuffix(strings.TrimPrefix(r.PathValue("room"), "!"), ":example.org")
		fmt.Fprintf(w, `{"joined":{%q:{},%q:{}}}`, "@user"+n+":example.org", ghost(n))
	})
	mux.HandleFunc("GET /_matrix/client/v3/rooms/{room}/state/m.room.encryption", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound) // the rooms are plain
		io.WriteString(w, `{"errcode":"M_NOT_FOUND","error":"there is none"}`)
	})
	mux.HandleFunc("PUT /_matrix/client/v3/rooms/{room}/send/{type}/{txn}", h.sent)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{}`) })
	h.server = &http.Server{Handler: mux}
	go h.server.Serve(l) // ends with close
	return h, nil
}

func (h *homeserver) close() { h.server.Close() }

func (h *homeserver) sent(w http.ResponseWriter, r *http.Request) {
	var content struct {
		CallID string `json:"call_id"`
	}
	json.NewDecoder(r.Body).Decode(&content)
	h.mu.Lock()
	defer h.mu.Unlock()
	if content.CallID != "" {
		h.known[content.CallID] = true
	}
	switch r.PathValue("type") {
	case "m.call.reject", "m.call.hangup":
		h.ended[content.CallID] = true
	}
	fmt.Fprintf(w, `{"event_id":"$%s"}`, r.PathValue("txn"))
}

func (h *homeserver) over(call string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended[call]
}

func (h *homeserver) heardOf(call string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.known[call]
}

// number is whom call n calls, in a range of Berlin's numbers.
func number(n int) string { return fmt.Sprintf("4930231%05d", n) }

func ghost(digits string) string { return "@tel_" + digits + ":example.org" }

// transaction is one that the homeserver repeats until it is acknowledged.
type transaction struct {
	id    string
	at    time.Time
	calls []int
}

// body writes the transaction as Synapse would now: the age grows.
func (t transaction) body() []byte {
	var events []any
	for _, n := range t.calls {
		events = append(events, map[string]any{
			"type": "m.call.invite", "event_id": fmt.Sprintf("$invite%d", n), "sender": "@user" + number(n) + ":example.org",
			"room_id": "!" + number(n) + ":example.org", "origin_server_ts": t.at.UnixMilli(),
			"unsigned": map[string]any{"age": time.Since(t.at).Milliseconds() + 1},
			"content": map[string]any{"version": "1", "call_id": fmt.Sprintf("call%d", n), "party_id": "PHONE", "lifetime": 60000,
				"invitee": ghost(number(n)), "offer": map[string]any{"type": "offer", "sdp": local.Offer}},
		})
	}
	raw, _ := json.Marshal(map[string]any{"events": events})
	return raw
}
