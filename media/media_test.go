package media

import (
	"slices"
	"testing"
)

func TestSame(t *testing.T) {
	for _, c := range []struct {
		a, b Format
		want bool
	}{
		{PCMU, PCMU, true},
		{Opus, Format{"OPUS", 48000, 2}, true},
		{PCMU, PCMA, false},
		{Opus, Format{"opus", 48000, 1}, false},
		{G722, Format{"G722", 16000, 1}, false},
		{Format{}, Format{}, true},
	} {
		if c.a.Same(c.b) != c.want || c.b.Same(c.a) != c.want {
			t.Errorf("%+v and %+v: want same %v", c.a, c.b, c.want)
		}
	}
	if s := G722.String(); s != "G722" {
		t.Errorf("G722 is called %q", s)
	}
}

func TestCommonKeepsTheOrderOfTheWish(t *testing.T) {
	for _, c := range []struct{ want, have, both []Format }{
		{[]Format{Opus, PCMA, PCMU}, []Format{PCMU, G722, Opus}, []Format{Opus, PCMU}},
		{[]Format{PCMA}, []Format{{"pcma", 8000, 1}, PCMA}, []Format{PCMA}},
		{[]Format{PCMA}, []Format{PCMU}, nil},
		{nil, []Format{PCMU}, nil},
	} {
		if got := Common(c.want, c.have); !slices.Equal(got, c.both) {
			t.Errorf("%v in %v: %v", c.want, c.have, got)
		}
	}
}

func TestLossPercent(t *testing.T) {
	for _, c := range []struct {
		received, lost uint64
		want           float64
	}{{0, 0, 0}, {100, 0, 0}, {75, 25, 25}, {0, 10, 100}} {
		if got := (Stats{Received: c.received, Lost: c.lost}).LossPercent(); got != c.want {
			t.Errorf("%d of %d lost is %v %%", c.lost, c.received+c.lost, got)
		}
	}
}
