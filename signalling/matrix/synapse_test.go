package matrix

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

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
	puppet           string // the token of the double puppet registration

	events chan sent

	mu       sync.Mutex
	members  map[string][]string // by room
	invited  map[string][]string // by room
	toBot    json.RawMessage     // what the bot sent itself
	public   map[string]bool
	closed   map[string]bool             // nobody joins without an invitation, and there is none
	upgraded map[string]string           // successor → the room before
	veiled   map[string]bool             // encrypted
	noState  int                         // the status of every question whether a room is encrypted; 0: answered
	history  map[string][]map[string]any // by room, newest first
	refuse   int                         // the status of every createRoom; 0: made
	busy     int                         // joins to refuse with 502
	ruleless int                         // questions for a join rule to refuse with 502
	unmarked bool                        // nobody's account data can be read
	rooms    []json.RawMessage           // asked to create
	calls    []string                    // "POST register tel_…", in order
	script   func(sent) (status int, body string)
	states   map[string]string // content by type, in every room
	down     bool
	noPing   bool   // like Dendrite
	networks string // third-party networks it lists; "" where nobody answers, like Dendrite's 404
	txn      int
	tries    []sent // every attempt to send, also refused ones
}

func newServer(t *testing.T) *synapse {
	s := &synapse{events: make(chan sent, 1000), members: map[string][]string{}, public: map[string]bool{}}
	mux := http.NewServeMux()
	const v3 = "/_matrix/client/v3/"
	mux.HandleFunc("POST "+v3+"register", s.note(func(r *http.Request, body map[string]any) any {
		return map[string]any{"user_id": fmt.Sprintf("@%v:example.org", body["username"])}
	}))
	mux.HandleFunc("GET "+v3+"profile/{user}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, `{"displayname":"Telephone","avatar_url":"mxc://example.org/phone"}`)
	})
	mux.HandleFunc("PUT "+v3+"rooms/{room}/state/m.room.member/{user}", s.note(nil))
	mux.HandleFunc("PUT "+v3+"profile/{user}/displayname", s.note(nil))
	mux.HandleFunc("PUT "+v3+"profile/{user}/avatar_url", s.note(nil))
	mux.HandleFunc("GET "+v3+"user/{user}/account_data/{type}", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.unmarked {
			answer(w, http.StatusInternalServerError, `{"errcode":"M_UNKNOWN","error":"broken"}`)
			return
		}
		answer(w, http.StatusNotFound, `{"errcode":"M_NOT_FOUND","error":"none"}`)
	})
	mux.HandleFunc("PUT "+v3+"user/{user}/account_data/{type}", s.note(nil))
	mux.HandleFunc("GET "+v3+"directory/room/{alias}", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, `{"room_id":"`+room+`"}`) })
	mux.HandleFunc("GET "+v3+"rooms/{room}/state/m.room.create", s.creation)
	mux.HandleFunc("GET "+v3+"rooms/{room}/state/m.room.create/{$}", s.creation)
	mux.HandleFunc("POST "+v3+"rooms/{room}/join", s.overloaded(s.note(s.join)))
	mux.HandleFunc("GET "+v3+"joined_rooms", s.joinedRooms)
	mux.HandleFunc("GET "+v3+"rooms/{room}/messages", s.note(s.messages))
	mux.HandleFunc("POST "+v3+"rooms/{room}/leave", s.note(nil))
	mux.HandleFunc("POST "+v3+"rooms/{room}/invite", s.note(nil))
	mux.HandleFunc("POST "+v3+"createRoom", s.create)
	mux.HandleFunc("GET "+v3+"rooms/{room}/joined_members", s.joined)
	mux.HandleFunc("GET "+v3+"rooms/{room}/members", s.everybody)
	mux.HandleFunc("PUT "+v3+"devices/{device}", s.note(nil))
	mux.HandleFunc("PUT "+v3+"sendToDevice/{type}/{txn}", s.note(s.toDevice))
	mux.HandleFunc("GET "+v3+"rooms/{room}/state/m.room.join_rules/{$}", s.joinRule)
	mux.HandleFunc("GET "+v3+"rooms/{room}/state/m.room.join_rules", s.joinRule)
	mux.HandleFunc("GET "+v3+"rooms/{room}/state/m.room.encryption/{$}", s.encryption)
	mux.HandleFunc("GET "+v3+"rooms/{room}/state/m.room.encryption", s.encryption)
	mux.HandleFunc("GET "+v3+"rooms/{room}/state/{type}/{$}", s.someState)
	mux.HandleFunc("PUT "+v3+"rooms/{room}/send/{type}/{txn}", s.send)
	mux.HandleFunc("POST /_matrix/client/v1/appservice/{id}/ping", s.pinged)
	mux.HandleFunc("GET "+v3+"thirdparty/protocols", s.listed)
	mux.HandleFunc("GET "+v3+"account/whoami", s.note(nil))
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
		case !s.knows(r.Header.Get("Authorization")):
			answer(w, http.StatusUnauthorized, `{"errcode":"M_UNKNOWN_TOKEN","error":"who?"}`)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// knows tells whether a token is of one of our registrations.
func (s *synapse) knows(authorization string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return authorization == "Bearer "+s.asToken || s.puppet != "" && authorization == "Bearer "+s.puppet
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
		if res == nil {
			answer(w, http.StatusForbidden, `{"errcode":"M_FORBIDDEN","error":"not invited"}`)
			return
		}
		json.NewEncoder(w).Encode(res)
	}
}

// overloaded fails as often as the test wants.
func (s *synapse) overloaded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.busy--
		busy := s.busy >= 0
		s.mu.Unlock()
		if busy {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		next(w, r)
	}
}

func (s *synapse) joinedRooms(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := []string{}
	for room, list := range s.members {
		if slices.Contains(list, r.URL.Query().Get("user_id")) {
			rooms = append(rooms, room)
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"joined_rooms": rooms})
}

func (s *synapse) messages(r *http.Request, _ map[string]any) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string]any{"start": "s", "chunk": s.history[r.PathValue("room")]}
}

func (s *synapse) join(r *http.Request, _ map[string]any) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := r.PathValue("room")
	if s.closed[room] {
		return nil
	}
	s.members[room] = append(s.members[room], r.URL.Query().Get("user_id"))
	return map[string]string{"room_id": room}
}

func (s *synapse) create(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, _ := io.ReadAll(r.Body)
	s.rooms = append(s.rooms, raw)
	if s.refuse != 0 {
		answer(w, s.refuse, `{"errcode":"M_FORBIDDEN","error":"no rooms"}`)
		return
	}
	room := fmt.Sprintf("!made%d:example.org", len(s.rooms))
	s.members[room] = []string{r.URL.Query().Get("user_id")}
	answer(w, http.StatusOK, `{"room_id":"`+room+`"}`)
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

// toDevice keeps what the bot sends to itself.
func (s *synapse) toDevice(_ *http.Request, body map[string]any) any {
	all, _ := body["messages"].(map[string]any)
	devices, _ := all[botUser].(map[string]any)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.toBot, _ = json.Marshal(devices[probeDevice])
	return map[string]any{}
}

// everybody is who is in a room, and what a hostile homeserver may say besides.
func (s *synapse) everybody(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []any{nil, map[string]any{"state_key": "@banned:example.org", "content": map[string]any{"membership": "ban"}}, map[string]any{"state_key": 5, "content": nil}}
	for _, user := range s.members[r.PathValue("room")] {
		list = append(list, map[string]any{"state_key": user, "content": map[string]any{"membership": "join"}})
	}
	for _, user := range s.invited[r.PathValue("room")] {
		list = append(list, map[string]any{"state_key": user, "content": map[string]any{"membership": "invite"}})
	}
	json.NewEncoder(w).Encode(map[string]any{"chunk": list})
}

func (s *synapse) joinRule(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ruleless--; s.ruleless >= 0 {
		answer(w, http.StatusBadGateway, "")
		return
	}
	rule := "invite"
	if s.public[r.PathValue("room")] {
		rule = "public"
	}
	answer(w, http.StatusOK, `{"join_rule":"`+rule+`"}`)
}

func (s *synapse) pinged(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	without := s.noPing
	s.mu.Unlock()
	if without {
		answer(w, http.StatusNotFound, `{"errcode":"M_UNRECOGNIZED","error":"no such thing"}`)
		return
	}
	s.note(nil)(w, r)
}

func (s *synapse) listed(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.networks == "" {
		answer(w, http.StatusNotFound, `{"errcode":"M_NOT_FOUND","error":"nobody answers"}`)
		return
	}
	answer(w, http.StatusOK, s.networks)
}

// creation says which room a room replaces.
func (s *synapse) creation(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if content, ok := s.states["m.room.create"]; ok {
		answer(w, http.StatusOK, content)
		return
	}
	answer(w, http.StatusOK, `{"predecessor":{"room_id":"`+s.upgraded[r.PathValue("room")]+`"}}`)
}

func (s *synapse) encryption(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noState != 0 {
		answer(w, s.noState, `{"errcode":"M_FORBIDDEN","error":"not there"}`)
		return
	}
	if !s.veiled[r.PathValue("room")] {
		answer(w, http.StatusNotFound, `{"errcode":"M_NOT_FOUND","error":"no such state"}`)
		return
	}
	answer(w, http.StatusOK, `{"algorithm":"m.megolm.v1.aes-sha2"}`)
}

func (s *synapse) someState(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if content, ok := s.states[r.PathValue("type")]; ok {
		answer(w, http.StatusOK, content)
		return
	}
	answer(w, http.StatusNotFound, `{"errcode":"M_NOT_FOUND","error":"no such state"}`)
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
