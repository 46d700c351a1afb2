package sip

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// atOnce is how many rows one statement has: reading the statement is most of
// its work.
const atOnce = 100

// Write implements Journal.
func (j *DatabaseJournal) Write(ctx context.Context, keep []Entry, forget []string) error {
	return j.part.InTx(ctx, func(ctx context.Context) error {
		for some := range slices.Chunk(keep, atOnce) {
			if err := j.keep(ctx, some); err != nil {
				return fmt.Errorf("keep a dialog: %w", err)
			}
		}
		for some := range slices.Chunk(forget, atOnce) {
			if err := j.forget(ctx, some); err != nil {
				return fmt.Errorf("forget a dialog: %w", err)
			}
		}
		return nil
	})
}

func (j *DatabaseJournal) keep(ctx context.Context, all []Entry) error {
	var values []any
	for _, e := range all {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		values = append(values, e.Key(), e.At.Unix(), string(text))
	}
	_, err := j.part.Exec(ctx, `INSERT INTO sip_dialog (id, at, entry) VALUES `+places(len(all), 3)+`
		ON CONFLICT (id) DO UPDATE SET at = excluded.at, entry = excluded.entry`, values...)
	return err
}

func (j *DatabaseJournal) forget(ctx context.Context, keys []string) error {
	var values []any
	for _, key := range keys {
		values = append(values, key)
	}
	_, err := j.part.Exec(ctx, `DELETE FROM sip_dialog WHERE id IN `+places(1, len(keys)), values...)
	return err
}

// places are where the values of rows go: "($1, $2), ($3, $4)".
func places(rows, columns int) string {
	var b strings.Builder
	for i := range rows * columns {
		switch {
		case i == 0:
			b.WriteString("($")
		case i%columns == 0:
			b.WriteString("), ($")
		default:
			b.WriteString(", $")
		}
		b.WriteString(strconv.Itoa(i + 1))
	}
	return b.String() + ")"
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
