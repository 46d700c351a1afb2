package matrix

import (
	"encoding/json"
	"slices"

	"maunium.net/go/mautrix/appservice"
	"maunium.net/go/mautrix/event"
)

// readable returns a transaction without the events that the library cannot
// read. It would refuse the whole for one of them, and the homeserver would
// repeat that for ever and send nothing else; what another server writes into
// an invitation can be such an event.
func readable(body []byte) (kept []byte, dropped int) {
	var whole appservice.Transaction
	if json.Unmarshal(body, &whole) == nil && !slices.Contains(whole.Events, nil) {
		return body, 0
	}
	var raw struct {
		Events []json.RawMessage `json:"events"`
	}
	if json.Unmarshal(body, &raw) != nil {
		return body, 0 // no transaction at all: the library says so
	}
	all := len(raw.Events)
	raw.Events = slices.DeleteFunc(raw.Events, func(one json.RawMessage) bool {
		var e *event.Event
		return json.Unmarshal(one, &e) != nil || e == nil
	})
	kept, err := json.Marshal(raw)
	if err != nil {
		return body, 0
	}
	return kept, all - len(raw.Events)
}
