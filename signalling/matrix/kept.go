package matrix

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"maunium.net/go/mautrix/event"
)

// This file holds what is written down of a transaction before it is
// acknowledged, because the homeserver says it only once: what begins a call,
// and what ends one that has only begun. A sudden end of the gateway between
// the two would lose the call. An invite is struck off by what opens its call
// (see openInvited); everything else is forgotten when no call can live of it.
// An encrypted event may be anything: it is kept as it came, and struck off
// once it is known to be none of these, or that it cannot be read.

// keepFor is longer than any invite lives, and any clock is wrong.
const keepFor = maxLifetime + time.Minute

// maxKept is how many events are taken up again, and kept beside those that
// have just come.
const maxKept = 1000

// keepTime is how long a transaction waits for the database.
const keepTime = 3 * time.Second

// keep writes down what is in a transaction and must not be lost, unless it is
// of strangers, whose calls are refused anyway.
func (c *Client) keep(ctx context.Context, d *delivery) error {
	events := c.worthKeeping(d.events)
	var letters []letter
	if c.vault != nil {
		d.letters, letters = c.screened(d.letters)
	}
	if len(events)+len(letters) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	return c.store.keep(ctx, events, letters, time.Now())
}

// worthKeeping are the events of a transaction that are kept, by their ids.
func (c *Client) worthKeeping(transaction []byte) map[string]string {
	list := map[string]string{}
	if !bytes.Contains(transaction, []byte(typePrefix)) && (c.vault == nil || !bytes.Contains(transaction, []byte(typeEncrypted))) {
		return list
	}
	var raw struct {
		Events []json.RawMessage `json:"events"`
	}
	if json.Unmarshal(transaction, &raw) != nil {
		return list // the library says so
	}
	for _, text := range raw.Events {
		var e struct {
			Type   string `json:"type"`
			ID     string `json:"event_id"`
			Sender string `json:"sender"`
		}
		if json.Unmarshal(text, &e) != nil || e.ID == "" || c.own(e.Sender) || !c.rooms.answered(e.Sender) {
			continue
		}
		switch e.Type {
		case typeInvite, typeAnswer, typeReject, typeHangup:
			list[e.ID] = string(text)
		case typeEncrypted: // it may be one of those
			if c.vault != nil && c.keeping.take(e.Sender) {
				list[e.ID] = string(text)
			}
		}
	}
	return list
}

// takeUpKept hands out what an earlier run had acknowledged and not taken up,
// as one transaction.
func (c *Client) takeUpKept(ctx context.Context) error {
	now := time.Now()
	err := c.store.kept(ctx, now, func(at time.Time, text string) {
		var e *event.Event
		if json.Unmarshal([]byte(text), &e) != nil || e == nil {
			return
		}
		if e.Unsigned.Age > 0 { // as of then
			e.Unsigned.Age += now.Sub(at).Milliseconds()
		}
		e.Mautrix.ReceivedAt = now
		c.again = append(c.again, e)
	})
	slices.SortStableFunc(c.again, func(a, b *event.Event) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	return err
}

// keep remembers events by their ids, each once, and messages to devices.
func (s *store) keep(ctx context.Context, events map[string]string, letters []letter, now time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		if len(letters) > 0 {
			if err := s.keepLetters(ctx, letters, now); err != nil {
				return err
			}
		}
		_, err := s.Exec(ctx, `DELETE FROM kept_event WHERE at < $1
			OR at < (SELECT MIN(at) FROM (SELECT at FROM kept_event ORDER BY at DESC LIMIT $2) AS newest)`, now.Add(-keepFor).UnixMilli(), maxKept)
		if err != nil {
			return err
		}
		for id, text := range events {
			_, err := s.Exec(ctx, `INSERT INTO kept_event (event_id, at, event) VALUES ($1, $2, $3) ON CONFLICT (event_id) DO NOTHING`, id, now.UnixMilli(), text)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// kept calls f for every event that is kept, in no order.
func (s *store) kept(ctx context.Context, now time.Time, f func(at time.Time, text string)) error {
	rows, err := s.Query(ctx, `SELECT at, event FROM kept_event WHERE at >= $1 ORDER BY at DESC LIMIT $2`, now.Add(-keepFor).UnixMilli(), maxKept)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var at int64
		var text string
		if err := rows.Scan(&at, &text); err != nil {
			return err
		}
		f(time.UnixMilli(at), text)
	}
	return rows.Err()
}

// strike forgets an event that was kept, because its call is opened.
func (s *store) strike(ctx context.Context, eventID string) error {
	_, err := s.Exec(ctx, `DELETE FROM kept_event WHERE event_id = $1`, eventID)
	return err
}
