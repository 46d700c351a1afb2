package gateway

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"roomline/signalling"
)

func register() (*metrics, *prometheus.Registry) {
	reg := prometheus.NewRegistry()
	gauges{live: func() int { return 2 }, ports: func() int { return 7 }, dropped: func() uint64 { return 3 }, broken: func() uint64 { return 4 }, excess: func() uint64 { return 5 }, ready: func() error { return nil },
		trunks: func() map[string]string {
			return map[string]string{"pbx": "up", "other": "trunk_auth", "new": "unknown"}
		}, enrolled: func() map[string]string {
			return map[string]string{"pbx": "registered", "other": "failed: 403 wrong password"}
		}, ignored: func() map[string]uint64 { return map[string]uint64{"m.call.answer": 4} },
		refused: func() uint64 { return 6 }, orders: func() map[string]uint64 { return map[string]uint64{"dial": 5} },
		veil: func() (string, []string) { return "on", []string{"off", "on"} }}.register(reg)
	return newMetrics(reg), reg
}

func TestMetricsCountARecord(t *testing.T) {
	m, reg := register()
	m.count(signalling.Record{Direction: signalling.RoomToPhone, Trunk: "pbx", Cause: "busy", Audio: signalling.NotAnswered})
	m.count(signalling.Record{Direction: signalling.RoomToPhone, Trunk: "pbx", Cause: "normal_clearing",
		Audio: signalling.BothWays, SetupMS: 300, TalkMS: 1500, Caller: signalling.LegAudio{Received: 75, Lost: 5}})
	want := `
# HELP roomline_calls_live Calls that are alive now.
# TYPE roomline_calls_live gauge
roomline_calls_live 2
# HELP roomline_calls_total Calls that ended, by direction, trunk and cause.
# TYPE roomline_calls_total counter
roomline_calls_total{cause="busy",direction="room_to_phone",trunk="pbx"} 1
roomline_calls_total{cause="normal_clearing",direction="room_to_phone",trunk="pbx"} 1
# HELP roomline_commands_total Commands that people gave in rooms.
# TYPE roomline_commands_total counter
roomline_commands_total{command="dial"} 5
# HELP roomline_matrix_ignored_total Call events from rooms that had no effect, by their type.
# TYPE roomline_matrix_ignored_total counter
roomline_matrix_ignored_total{type="m.call.answer"} 4
# HELP roomline_matrix_encryption 1 for what Roomline can do in encrypted rooms now: on, off, unknown, or what the homeserver lacks.
# TYPE roomline_matrix_encryption gauge
roomline_matrix_encryption{state="off"} 0
roomline_matrix_encryption{state="on"} 1
# HELP roomline_matrix_refused_total Requests to matrix.listen without the token that only the homeserver has.
# TYPE roomline_matrix_refused_total counter
roomline_matrix_refused_total 6
# HELP roomline_sip_dropped_total SIP packets and connections from addresses that are no trunk's, dropped unread.
# TYPE roomline_sip_dropped_total counter
roomline_sip_dropped_total 3
# HELP roomline_sip_excess_total SIP messages from trunks' addresses that were dropped, because there were too many of their kind.
# TYPE roomline_sip_excess_total counter
roomline_sip_excess_total 5
# HELP roomline_sip_malformed_total SIP messages from trunks' addresses that made no sense.
# TYPE roomline_sip_malformed_total counter
roomline_sip_malformed_total 4
# HELP roomline_talk_seconds_total Seconds during which two sides were joined.
# TYPE roomline_talk_seconds_total counter
roomline_talk_seconds_total{direction="room_to_phone",trunk="pbx"} 1.5
# HELP roomline_trunk_registered 1 while a trunk that registers is registered, 0 while it is not.
# TYPE roomline_trunk_registered gauge
roomline_trunk_registered{trunk="other"} 0
roomline_trunk_registered{trunk="pbx"} 1
# HELP roomline_trunk_up 1 when the trunk answered our last call or OPTIONS, 0 when it did not; absent before the first.
# TYPE roomline_trunk_up gauge
roomline_trunk_up{trunk="other"} 0
roomline_trunk_up{trunk="pbx"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "roomline_calls_live", "roomline_calls_total", "roomline_matrix_ignored_total", "roomline_commands_total", "roomline_matrix_encryption", "roomline_matrix_refused_total",
		"roomline_sip_dropped_total", "roomline_sip_excess_total", "roomline_sip_malformed_total", "roomline_talk_seconds_total", "roomline_trunk_registered", "roomline_trunk_up"); err != nil {
		t.Error(err)
	}
}

// TestEveryMetricIsDocumented holds docs/operations.md against the program, both ways.
func TestEveryMetricIsDocumented(t *testing.T) {
	m, reg := register()
	m.count(signalling.Record{Direction: signalling.RoomToPhone, Audio: signalling.BothWays})
	m.count(signalling.Record{Direction: signalling.RoomToPhone, Audio: signalling.BothWays, Moved: "+49301"})
	m.refused.WithLabelValues("congestion").Inc()
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		row := "| `" + f.GetName() + "` | "
		at := strings.Index(string(doc), row)
		if at < 0 {
			t.Errorf("docs/operations.md lacks %s", f.GetName())
			continue
		}
		cell, _, _ := strings.Cut(string(doc)[at+len(row):], "|")
		for _, l := range labels {
			if !strings.Contains(cell, l) {
				t.Errorf("%s: label %s is not in %q", f.GetName(), l, cell)
			}
		}
	}
	if n := strings.Count(string(doc), "| `roomline_"); n != len(families) {
		t.Errorf("%d metrics are documented, %d exist", n, len(families))
	}
}

func TestRecordFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cdr.jsonl")
	f, err := openRecords(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f.write(signalling.Record{ID: "a", Cause: "busy"})
	f.write(signalling.Record{ID: "b", Ladder: []signalling.Message{{MS: 5, Leg: "pbx", Sent: true, Text: "INVITE"}}})
	if err := errors.Join(f.close(), f.close()); err != nil {
		t.Fatal(err)
	}
	f.write(signalling.Record{ID: "late"})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	var rec signalling.Record
	if len(lines) != 2 || json.Unmarshal([]byte(lines[1]), &rec) != nil || rec.ID != "b" || rec.Ladder[0].Text != "INVITE" {
		t.Errorf("%s", b)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("records can be read by others: %v", info.Mode())
	}
	if _, err := openRecords(filepath.Join(path, "x"), nil); err == nil || !strings.Contains(err.Error(), "cdr.jsonl") {
		t.Errorf("a bad path: %v", err)
	}
}

func TestStatus(t *testing.T) {
	_, reg := register()
	var down error
	srv := httptest.NewServer(statusMux(reg, func() error { return down }, func() []trunkStatus {
		return []trunkStatus{{"pbx", "up", "up (OPTIONS 200 in 3 ms)", "failed: 403 wrong password"}, {Name: "plain", State: "unknown"}}
	}))
	defer srv.Close()
	get := func(path string) int {
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if a, b, c := get("/healthz"), get("/readyz"), get("/metrics"); a != 200 || b != 200 || c != 200 {
		t.Errorf("health %d, ready %d, metrics %d", a, b, c)
	}
	resp, err := http.Get(srv.URL + "/trunks")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if want := `[{"name":"pbx","state":"up","health":"up (OPTIONS 200 in 3 ms)","registration":"failed: 403 wrong password"},{"name":"plain","state":"unknown"}]` + "\n"; string(body) != want {
		t.Errorf("trunks: %s", body)
	}
	down = errors.New("draining")
	if c := get("/readyz"); c != 503 {
		t.Errorf("ready says %d while draining", c)
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{"+4930231256": "+4930…256", "+493023125701": "+4930…701", "+4930123": "+4…23", "5551234": "55…4",
		"1001": "1001", "112": "112", "@alice:ex.org": "@alice:ex.org", "": "", "Jürgen Öäü": "Jür…äü"} {
		if got := mask(in); got != want {
			t.Errorf("mask(%q) = %q, want %q", in, got, want)
		}
	}
}
