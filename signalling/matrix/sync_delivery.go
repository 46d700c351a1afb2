package matrix

import (
	"bytes"
	"encoding/json"
	"fmt"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// This file holds how what was heard becomes what a transaction would bring.

// deliveryOf is what was heard as a transaction would bring it, and the batch
// of its events.
func (s *syncing) deliveryOf(h *heardSync) (d delivery, batch []*event.Event) {
	d.changed = h.changed
	for _, text := range h.letters {
		if l, ok := readLetter(s.addressed(text)); ok {
			d.letters = append(d.letters, l)
		} else {
			d.lost++
		}
	}
	if h.left != nil {
		h.left.UserID, h.left.DeviceID = id.UserID(s.cfg.Account.User), id.DeviceID(s.device)
		d.counts = []count{{*h.left, h.unused}}
	}
	var texts [][]byte
	for _, room := range h.rooms {
		for _, e := range append(room.state, room.events...) {
			if batch = append(batch, e.Event); e.text != nil && e.StateKey == nil {
				texts = append(texts, e.text)
			}
		}
	}
	d.events = fmt.Appendf(nil, `{"events":[%s]}`, bytes.Join(texts, []byte(",")))
	return d, batch
}

// addressed writes on a message whom it is for, as an application service is
// told (MSC4203).
func (s *syncing) addressed(text json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	if len(text) > maxLetter || json.Unmarshal(text, &fields) != nil || fields == nil {
		return nil
	}
	for field, value := range map[string]string{"to_user_id": s.cfg.Account.User, "to_device_id": s.device} {
		fields[field], _ = json.Marshal(value) // a text always can be
	}
	text, _ = json.Marshal(fields)
	return text
}
