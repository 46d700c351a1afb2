package matrix

import (
	"context"
	"time"
)

// This file holds how messages to our devices are written down.

const (
	keepLetterFor  = 7 * 24 * time.Hour // whoever has not sent the key again by then will not call any more
	maxKeptLetters = 2000               // and those of one transaction
)

// keepLetters remembers messages, each once.
func (s *store) keepLetters(ctx context.Context, list []letter, now time.Time) error {
	_, err := s.Exec(ctx, `DELETE FROM kept_to_device WHERE at < $1
		OR at < (SELECT MIN(at) FROM (SELECT at FROM kept_to_device ORDER BY at DESC LIMIT $2) AS newest)`, now.Add(-keepLetterFor).UnixMilli(), maxKeptLetters)
	for i, l := range list {
		if err == nil {
			_, err = s.Exec(ctx, `INSERT INTO kept_to_device (id, at, place, message) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`,
				l.id, now.UnixMilli(), i, l.text)
		}
	}
	return err
}

// keptLetters calls f for every message that is kept, in the order in which they came.
func (s *store) keptLetters(ctx context.Context, f func(text string)) error {
	list, err := s.all(ctx, `SELECT message FROM kept_to_device ORDER BY at, place`)
	for _, text := range list {
		f(text)
	}
	return err
}

// erase forgets events and messages that were kept.
func (s *store) erase(ctx context.Context, events, letters []string) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		for _, id := range events {
			if err := s.strike(ctx, id); err != nil {
				return err
			}
		}
		for _, id := range letters {
			if _, err := s.Exec(ctx, `DELETE FROM kept_to_device WHERE id = $1`, id); err != nil {
				return err
			}
		}
		return nil
	})
}
