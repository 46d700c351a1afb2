package sparse

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// L2: the log does not grow with what comes from outside.
func TestLogIsHeldBack(t *testing.T) {
	var out strings.Builder
	log := slog.New(New(slog.NewTextHandler(&out, nil))).With("trunk", "x")
	at, n := time.Unix(1000, 0), 1000
	for range n {
		r := slog.NewRecord(at, slog.LevelWarn, "again", 0)
		_ = log.Handler().Handle(t.Context(), r)
	}
	_ = log.Handler().Handle(t.Context(), slog.NewRecord(at, slog.LevelWarn, "another", 0))
	_ = log.Handler().Handle(t.Context(), slog.NewRecord(at.Add(time.Second), slog.LevelWarn, "again", 0))
	if lines := strings.Count(out.String(), "\n"); lines != maxLines+2 {
		t.Errorf("%d lines", lines)
	}
	if !strings.Contains(out.String(), fmt.Sprintf("left_out=%d", n-maxLines)) {
		t.Errorf("what was left out is not said:\n%s", out.String())
	}
}
