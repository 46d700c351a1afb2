package matrix

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// phoneField is the one field of a telephone user (Matrix 1.18, "Third-party lookups").
const phoneField = "m.id.phone"

// lookup answers what a client's dial pad asks by way of the homeserver. It
// never learns who is asking: whether somebody may call is decided when the
// call arrives.
type lookup struct {
	ghosts *ghosts
	log    *slog.Logger
	limit  *bucket
}

type thirdUser struct {
	UserID   string            `json:"userid"`
	Protocol string            `json:"protocol"`
	Fields   map[string]string `json:"fields"`
}

type thirdProtocol struct {
	UserFields     []string              `json:"user_fields"`
	LocationFields []string              `json:"location_fields"`
	Icon           string                `json:"icon"`
	FieldTypes     map[string]thirdField `json:"field_types"`
	Instances      []thirdInstance       `json:"instances"` // Synapse wants a list, Dendrite an entry in it
}

type thirdField struct {
	Regexp      string `json:"regexp"`
	Placeholder string `json:"placeholder"`
}

type thirdInstance struct {
	NetworkID string            `json:"network_id"`
	Desc      string            `json:"desc"`
	Fields    map[string]string `json:"fields"`
}

func (l *lookup) routes(mux *http.ServeMux) {
	const at = "GET /_matrix/app/v1/thirdparty/"
	mux.HandleFunc(at+"protocol/{protocol}", l.protocol)
	mux.HandleFunc(at+"user/{protocol}", l.user)
	mux.HandleFunc(at+"user", l.reverse)
	mux.HandleFunc(at+"location", nowhere)
	mux.HandleFunc(at+"location/{protocol}", nowhere)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		mautrix.MUnrecognized.WithMessage("Unrecognised request").Write(w)
	})
}

func ourProtocol(name string) bool { return name == protocolPSTN || name == protocolVector }

func (l *lookup) protocol(w http.ResponseWriter, r *http.Request) {
	if !ourProtocol(r.PathValue("protocol")) {
		mautrix.MNotFound.WithMessage("No such protocol").Write(w)
		return
	}
	reply(w, thirdProtocol{
		UserFields:     []string{phoneField},
		LocationFields: []string{},
		FieldTypes:     map[string]thirdField{phoneField: {Regexp: "[+0-9*#]+", Placeholder: "+493012345"}},
		Instances:      []thirdInstance{{NetworkID: "pstn", Desc: "Telephone network", Fields: map[string]string{}}},
	})
}

// user finds the user of a number that was typed, and makes it before
// replying, because the client invites it next.
func (l *lookup) user(w http.ResponseWriter, r *http.Request) {
	if !l.limit.take() {
		mautrix.MLimitExceeded.WithMessage("Too many lookups").Write(w)
		return
	}
	protocol := r.PathValue("protocol")
	number, err := l.ghosts.numbers.Parse(r.URL.Query().Get(phoneField))
	if err != nil || !ourProtocol(protocol) {
		reply(w, []thirdUser{})
		return
	}
	user, err := l.ghosts.ensureNumber(r.Context(), number)
	if err != nil {
		l.log.Warn("could not make the user of a number", "error", err)
		mautrix.MUnknown.WithMessage("The user of this number could not be made").Write(w)
		return
	}
	reply(w, []thirdUser{{user, protocol, map[string]string{phoneField: number}}})
}

func (l *lookup) reverse(w http.ResponseWriter, r *http.Request) {
	found := []thirdUser{}
	user := r.URL.Query().Get("userid")
	if number, ok := l.ghosts.dialable(user); ok {
		found = append(found, thirdUser{user, protocolPSTN, map[string]string{phoneField: number}})
	}
	reply(w, found)
}

func nowhere(w http.ResponseWriter, _ *http.Request) { reply(w, []struct{}{}) }

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}

// queries answers whether a user of ours exists, which Synapse asks when it is
// invited without a lookup. It implements appservice.QueryHandler.
type queries struct{ *lookup }

// QueryAlias implements appservice.QueryHandler: we have no aliases.
func (queries) QueryAlias(id.RoomAlias) bool { return false }

// QueryUser implements appservice.QueryHandler: it makes the user first.
func (q queries) QueryUser(user id.UserID) bool {
	number, ok := q.ghosts.dialable(user.String())
	if !ok || !q.limit.take() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), httpPatient/2)
	defer cancel()
	_, err := q.ghosts.ensureNumber(ctx, number)
	return err == nil
}

// bucket limits lookups, each of which may make a user that stays for ever.
type bucket struct {
	rate float64 // per second
	size float64

	mu   sync.Mutex
	left float64
	last time.Time
}

func newBucket(rate, size float64) *bucket { return &bucket{rate: rate, size: size, left: size} }

func (b *bucket) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if !b.last.IsZero() {
		b.left = min(b.size, b.left+b.rate*now.Sub(b.last).Seconds())
	}
	b.last = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
