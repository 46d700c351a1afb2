//go:build interop

package interop

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"

	"roomline/test/interop/rig"
)

// verdict is what a homeserver says to a question: the HTTP status, and the
// error's code or one string of the answer.
type verdict struct {
	status int
	said   string
}

// T67: what the two homeservers do not have in common, as docs/operations.md
// tells it. The other tests pass with either.
func TestWhatTheHomeserverHas(t *testing.T) {
	s := open(t, with{})
	found, err := s.alice.Lookup(s.ctx, "030 23125699")
	ok(t, err)
	as, ghost := "?user_id="+url.QueryEscape("@roomline:"+bed.Domain), "?user_id="+url.QueryEscape(found.UserID)
	for _, q := range []struct {
		what, method, path, token, read string
		synapse, dendrite               verdict
	}{
		{"a ping", "POST", "v1/appservice/roomline/ping" + as, serviceToken(t), "errcode", verdict{200, ""}, verdict{404, "M_UNRECOGNIZED"}},
		{"a device of a ghost", "GET", "v3/account/whoami" + ghost, serviceToken(t), "device_id", verdict{200, ""}, verdict{200, "AS_Device"}},
		{"a device made by us", "PUT", "v3/devices/NEW" + ghost, serviceToken(t), "errcode", verdict{201, ""}, verdict{404, "M_FORBIDDEN"}},
		{"a number that is none", "GET", "v3/thirdparty/user/m.protocol.pstn?m.id.phone=none", s.alice.Token, "errcode", verdict{200, ""}, verdict{404, "M_NOT_FOUND"}},
	} {
		want := q.synapse
		if bed.Dendrite {
			want = q.dendrite
		}
		if got := question(t, q.method, q.path, q.token, q.read); got != want {
			t.Errorf("%s: %+v, want %+v", q.what, got, want)
		}
	}
	ok(t, s.Stop(s.ctx))
	if told := s.ageTold(); told == bed.Dendrite {
		t.Errorf("the age of an event is told: %v", told)
	}
}

func question(t *testing.T, method, path, token, read string) verdict {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, bed.Homeserver+"/_matrix/client/"+path, bytes.NewReader([]byte("{}")))
	ok(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	ok(t, err)
	defer resp.Body.Close()
	var body map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&body) // a list has no text to read
	text, _ := body[read].(string)
	return verdict{resp.StatusCode, text}
}

// serviceToken is the as_token.
func serviceToken(t *testing.T) string {
	t.Helper()
	for line := range bytes.Lines(read(t, registrationFile())) {
		if value, is := bytes.CutPrefix(line, []byte("as_token: ")); is {
			return string(bytes.Trim(value, "\"'\n"))
		}
	}
	t.Fatal("the registration has no as_token")
	return ""
}

// ageTold stands where the gateway was, lets alice write something, and tells
// whether the homeserver says how old it is.
func (s *scene) ageTold() bool {
	s.t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(bed.Gateway, os.Getenv("BED_AS_PORT")))
	ok(s.t, err)
	ages := make(chan bool, 1)
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Events []struct {
				rig.Event
				Unsigned map[string]any
			}
		}
		_ = json.NewDecoder(r.Body).Decode(&body) // only transactions have events
		for _, e := range body.Events {
			if _, told := e.Unsigned["age"]; e.Text("body") == "how old is this?" {
				select {
				case ages <- told:
				default: // it came again
				}
			}
		}
		_, _ = w.Write([]byte("{}"))
	})}
	go web.Serve(l) // ends with web.Close
	defer web.Close()
	ok(s.t, s.alice.Say(s.ctx, s.line, "how old is this?"))
	select {
	case told := <-ages:
		return told
	case <-s.ctx.Done():
		s.t.Fatal("nothing was pushed")
		return false
	}
}
