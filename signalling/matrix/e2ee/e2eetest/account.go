package e2eetest

import (
	"encoding/json"
	"net/http"
	"strings"

	"maunium.net/go/mautrix/id"
)

// accountData keeps what a user's clients keep with the homeserver, and tells
// whether a request was about that (Matrix 1.18, "Client config").
func (s *Server) accountData(w http.ResponseWriter, user id.UserID, method, path string, body []byte) bool {
	owner, kind, ok := strings.Cut(strings.TrimPrefix(path, "user/"), "/account_data/")
	if !ok || owner != user.String() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := [2]string{owner, kind}
	if method == http.MethodPut {
		if s.data == nil {
			s.data = map[[2]string]json.RawMessage{}
		}
		s.data[k] = body
		reply(w, http.StatusOK, map[string]any{})
	} else if text, ok := s.data[k]; ok {
		reply(w, http.StatusOK, text)
	} else {
		reply(w, http.StatusNotFound, map[string]any{"errcode": "M_NOT_FOUND", "error": "no such data"})
	}
	return true
}

// SetAccountData changes what a user's clients keep; nil takes it away.
func (s *Server) SetAccountData(user, kind string, content json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if content == nil {
		delete(s.data, [2]string{user, kind})
		return
	}
	s.data[[2]string{user, kind}] = content
}

// admits tells whether somebody may change a user's cross-signing keys, and
// asks for the password otherwise (Matrix 1.18, "User-Interactive
// Authentication API").
func (s *Server) admits(w http.ResponseWriter, user id.UserID, in map[string]any) bool {
	auth := merged(nil, in["auth"])
	if s.Password == "" || auth["type"] == "m.login.password" && auth["session"] == "s" && auth["password"] == s.Password && auth["user"] == user.String() {
		return true
	}
	reply(w, http.StatusUnauthorized, map[string]any{"session": "s", "params": map[string]any{},
		"flows": []any{map[string]any{"stages": []any{"m.login.password"}}}})
	return false
}
