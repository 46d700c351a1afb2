package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"roomline/test/bench/local"
)

// homeserver takes whatever it is told at once, and says when a call was answered.
type homeserver struct {
	*local.Homeserver
	caller *caller // who calls from encrypted rooms; set before the first call

	mu      sync.Mutex
	answers map[string]chan time.Time // by call id
}

func newHomeserver() (*homeserver, error) {
	taking, err := local.NewHomeserver()
	if err != nil {
		return nil, err
	}
	h := &homeserver{Homeserver: taking, answers: map[string]chan time.Time{}}
	const room = "/_matrix/client/v3/rooms/{room}/"
	h.Mux.HandleFunc("GET "+room+"joined_members", func(w http.ResponseWriter, r *http.Request) {
		_, user := isSealed(r.PathValue("room"))
		fmt.Fprintf(w, `{"joined":{%q:{},%q:{}}}`, user, telephone)
	})
	h.Mux.HandleFunc("GET "+room+"members", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"chunk": joined(r.PathValue("room"))})
	})
	h.Mux.HandleFunc("GET "+room+"state/m.room.encryption", func(w http.ResponseWriter, r *http.Request) {
		if sealed, _ := isSealed(r.PathValue("room")); sealed {
			_, _ = io.WriteString(w, `{"algorithm":"m.megolm.v1.aes-sha2"}`)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"errcode":"M_NOT_FOUND","error":"there is none"}`)
	})
	h.Mux.HandleFunc("PUT "+room+"send/m.call.answer/{txn}", h.answer)
	h.Mux.HandleFunc("PUT "+room+"send/m.room.encrypted/{txn}", h.answer)
	h.Mux.HandleFunc("PUT "+room+"send/{type}/{txn}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"event_id":"$%s"}`, r.PathValue("txn"))
	})
	return h, nil
}

// joined are the state events by which the members of a room came there.
func joined(room string) (all []map[string]any) {
	_, user := isSealed(room)
	for _, who := range []string{user, telephone} {
		all = append(all, map[string]any{"type": "m.room.member", "event_id": "$" + who, "sender": who, "state_key": who, "room_id": room,
			"origin_server_ts": time.Now().UnixMilli(), "content": map[string]any{"membership": "join"}})
	}
	return all
}

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
	if sealed, _ := isSealed(r.PathValue("room")); sealed {
		kind, clear, err := h.caller.open(r.Context(), r.PathValue("room"), raw)
		if raw = clear; err != nil || kind != "m.call.answer" {
			raw = nil // another event: it is the answer that is waited for
		}
	}
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
