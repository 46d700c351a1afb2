package matrix

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"maunium.net/go/mautrix"
)

// What we ask the homeserver for (Matrix 1.18, "Filtering"): nothing that no
// call needs. Members are told of when they say something. Dendrite on SQLite
// takes a "*" within a type for a letter, so every type has its name here.
const (
	states     = `"m.room.member","m.room.encryption","m.room.tombstone","m.room.join_rules","m.room.power_levels"`
	stateTypes = `[` + states + `]`
	callTypes  = `"` + typeInvite + `","` + typeCandidates + `","` + typeCandidate + `","` + typeAnswer + `","` + typeSelectAnswer + `","` + typeReject +
		`","` + typeNegotiate + `","` + typeHangup + `","` + typeReplaces + `","` + typeStreams + `","` + typeIdentity +
		`","org.matrix.call.sdp_stream_metadata_changed","org.matrix.call.asserted_identity"`
	verifyTypes = `"m.key.verification.ready","m.key.verification.start","m.key.verification.accept","m.key.verification.key",` +
		`"m.key.verification.mac","m.key.verification.done","m.key.verification.cancel"`
	saidTypes = `"m.room.encrypted","m.room.message",` + callTypes + `,` + verifyTypes
	syncTypes = `[` + saidTypes + `,` + states + `]`
	nothing   = `{"types":[],"not_types":["*"]}`

	syncFilter = `{"presence":` + nothing + `,"account_data":` + nothing + `,"room":{"account_data":` + nothing + `,"ephemeral":` + nothing +
		`,"state":{"types":` + stateTypes + `,"lazy_load_members":true},"timeline":{"types":` + syncTypes + `,"limit":50,"lazy_load_members":true}}}`

	// firstFilter is for where we stand, and who invites us: nothing old.
	firstFilter = `{"presence":` + nothing + `,"account_data":` + nothing + `,"room":{"account_data":` + nothing + `,"ephemeral":` + nothing +
		`,"state":` + nothing + `,"timeline":{"types":[],"not_types":["*"],"limit":1}}}`

	gapFilter = `{"types":[` + saidTypes + `]}` // states that have changed are told of anyway
)

const (
	pollTime = 30 * time.Second // how long the homeserver waits for something to happen
	maxSync  = 32 << 20         // bytes of one answer
)

// poll asks what has happened since; empty: where we stand now.
func (a *account) poll(ctx context.Context, since string) ([]byte, error) {
	query := map[string]string{"filter": syncFilter, "set_presence": "offline", "timeout": strconv.FormatInt(pollTime.Milliseconds(), 10), "since": since}
	if since == "" {
		query["filter"], query["timeout"] = firstFilter, "0"
		delete(query, "since")
	}
	ctx, cancel := context.WithTimeout(ctx, pollTime+2*a.cfg.SendTimeout)
	defer cancel()
	client := a.client(a.slow)
	return client.MakeFullRequest(ctx, mautrix.FullRequest{Method: http.MethodGet, ResponseSizeLimit: maxSync,
		URL: client.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "sync"}, query)})
}

// before reads a page of a room, newest first.
func (a *account) before(ctx context.Context, room, from string, limit int) ([]byte, error) {
	client := a.self()
	return client.MakeFullRequest(ctx, mautrix.FullRequest{Method: http.MethodGet, ResponseSizeLimit: maxResponse,
		URL: client.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "rooms", room, "messages"},
			map[string]string{"dir": "b", "from": from, "limit": strconv.Itoa(limit), "filter": gapFilter})})
}
