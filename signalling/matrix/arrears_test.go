package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix/event"
)

// shelf is what a homeserver keeps for one device.
type shelf struct {
	kept  []string // messages, oldest first; the first is number 1
	sizes int      // of a page
	asked []string // since
	taken []string
	fail  error
	slow  bool // the vault is not done with any
}

func (s *shelf) page(_ context.Context, _, _, since string) (p pageOfMessages, err error) {
	s.asked = append(s.asked, since)
	from, _ := strconv.Atoi(since)
	to := min(from+s.sizes, len(s.kept))
	for _, text := range s.kept[from:to] {
		p.Events = append(p.Events, json.RawMessage(text))
	}
	p.Next = strconv.Itoa(to)
	return p, s.fail
}

func (s *shelf) arrears(device string) *arrears {
	return &arrears{page: s.page, device: func(string) string { return device }, log: discard(), asked: map[string]time.Time{},
		take: func(_, device string, e *event.Event, done func()) {
			s.taken = append(s.taken, device+" "+e.Type.Type+" "+string(e.Content.VeryRaw))
			if !s.slow {
				done()
			}
		}}
}

// What the homeserver kept is handed over in order, page by page, and struck
// off once the vault has it; what is no message is left out.
func TestArrears(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{sizes: 2}
		for i := range 5 {
			s.kept = append(s.kept, fmt.Sprintf(`{"type":"org.test","sender":%q,"content":{"i":%d}}`, alice, i))
		}
		s.kept[1] = `5`
		a := s.arrears("D")
		a.collect(t.Context(), ghost)
		want := `D org.test {"i":0};D org.test {"i":2};D org.test {"i":3};D org.test {"i":4}`
		if got := strings.Join(s.taken, ";"); got != want || strings.Join(s.asked, " ") != " 2 4 5" {
			t.Errorf("took %s, asked %q", got, s.asked)
		}
		a.collect(t.Context(), ghost) // a moment ago
		if len(s.asked) != 4 {
			t.Errorf("asked %q", s.asked)
		}
		a.forget() // the homeserver was away
		a.collect(t.Context(), ghost)
		<-time.After(askedAgain)
		a.collect(t.Context(), ghost)
		if len(s.asked) < 6 {
			t.Errorf("asked %q", s.asked)
		}
	})
}

// Neither a homeserver that never ends nor one that says nothing holds anybody
// up, and nothing is struck off that the vault does not have.
func TestArrearsAreBounded(t *testing.T) {
	t.Parallel()
	message := `{"type":"org.test","sender":"` + alice + `","content":{}}`
	endless := &shelf{sizes: 1, kept: slices.Repeat([]string{message}, 1000)}
	endless.arrears("D").collect(t.Context(), ghost)
	if len(endless.asked) != maxPages {
		t.Errorf("asked %d times", len(endless.asked))
	}
	broken := &shelf{fail: errors.New("no such thing")}
	broken.arrears("D").collect(t.Context(), ghost)
	none := &shelf{}
	none.arrears("").collect(t.Context(), ghost)
	if len(broken.asked) != 1 || len(none.asked) != 0 {
		t.Errorf("asked %q, %q", broken.asked, none.asked)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	slow := &shelf{sizes: 1, kept: []string{message}, slow: true}
	slow.arrears("D").collect(ctx, ghost)
	if len(slow.asked) != 1 {
		t.Errorf("struck off: %q", slow.asked)
	}
}

// FuzzArrears: whatever stands on a page, it is bounded and harmless.
func FuzzArrears(f *testing.F) {
	for _, s := range []string{`{"type":"m.room.encrypted","sender":"@a:b","content":{}}`, `null`, `[]`, `{"content":5}`, `{"type":{},"sender":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := &shelf{}
		a := s.arrears("D")
		if !a.deliver(t.Context(), ghost, "D", []json.RawMessage{raw}) || len(s.taken) > 1 {
			t.Errorf("took %q", s.taken)
		}
	})
}
