package sip

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"

	"roomline/internal/database"
)

//go:embed upgrades/*.sql
var upgrades embed.FS

// DatabaseJournal is a Journal in the gateway's database.
type DatabaseJournal struct{ part *database.Part }

// OpenJournal brings the journal's table up to date.
func OpenJournal(ctx context.Context, db *database.DB) (*DatabaseJournal, error) {
	part, err := db.Part(ctx, "sip", upgrades)
	if err != nil {
		return nil, err
	}
	return &DatabaseJournal{part}, nil
}

// Write implements Journal.
func (j *DatabaseJournal) Write(ctx context.Context, keep []Entry, forget []string) error {
	return j.part.InTx(ctx, func(ctx context.Context) error {
		for _, e := range keep {
			text, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if _, err = j.part.Exec(ctx, `INSERT INTO sip_dialog (id, at, entry) VALUES ($1, $2, $3)
				ON CONFLICT (id) DO UPDATE SET at = excluded.at, entry = excluded.entry`, e.Key(), e.At.Unix(), string(text)); err != nil {
				return fmt.Errorf("keep a dialog: %w", err)
			}
		}
		for _, key := range forget {
			if _, err := j.part.Exec(ctx, `DELETE FROM sip_dialog WHERE id = $1`, key); err != nil {
				return fmt.Errorf("forget a dialog: %w", err)
			}
		}
		return nil
	})
}

// Entries implements Journal.
func (j *DatabaseJournal) Entries(ctx context.Context) ([]Entry, error) {
	rows, err := j.part.Query(ctx, `SELECT entry FROM sip_dialog ORDER BY at`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Entry
	for rows.Next() {
		var text string
		var e Entry
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			return nil, fmt.Errorf("an entry of sip_dialog: %w", err)
		}
		all = append(all, e)
	}
	return all, rows.Err()
}
