package gateway

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"roomline/signalling"
)

// recordFile keeps call records as JSON lines. A record that cannot be written
// is logged and lost; the call it tells of has ended either way.
type recordFile struct {
	log *slog.Logger

	mu   sync.Mutex
	file *os.File // nil: nothing is kept
}

// openRecords opens path for appending; an empty path keeps nothing.
func openRecords(path string, log *slog.Logger) (*recordFile, error) {
	r := &recordFile{log: log}
	if path == "" {
		return r, nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the file of call records (cdr.jsonl): %w", err)
	}
	r.file = f
	return r, nil
}

func (r *recordFile) write(rec signalling.Record) {
	line, err := json.Marshal(rec)
	if err != nil {
		r.log.Error("a call record cannot be encoded", "call", rec.ID, "err", err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return
	}
	if _, err := r.file.Write(append(line, '\n')); err != nil {
		r.log.Error("a call record was not written", "call", rec.ID, "err", err)
	}
}

func (r *recordFile) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	f := r.file
	r.file = nil
	return f.Close()
}

// logRecord is the one line an operator reads about a call.
func logRecord(log *slog.Logger, r signalling.Record) {
	if r.Via != "" {
		log = log.With("via", r.Via)
	}
	log.Info("call ended", "call", r.ID, "direction", r.Direction, "trunk", r.Trunk,
		"from", mask(r.From), "to", mask(r.To), "cause", r.Cause, "detail", r.Detail, "by", r.EndedBy,
		"audio", r.Audio, "codec", r.Codec, "setup_ms", r.SetupMS, "talk_ms", r.TalkMS,
		"lost", r.Caller.Lost+r.Called.Lost)
}

// mask hides the middle of a telephone number: +4930…567, and of anything that
// may be one. Matrix users, and codes of up to four characters, stay readable.
func mask(s string) string {
	r := []rune(s)
	head, tail := 5, 3
	switch {
	case len(r) <= 4 || r[0] == '@':
		return s
	case len(r) <= 10: // the usual ends would show all of it
		head, tail = len(r)/3, len(r)/4
	}
	return string(r[:head]) + "…" + string(r[len(r)-tail:])
}
