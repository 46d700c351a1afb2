package dtmf

import (
	"errors"
	"testing"
	"time"

	"roomline/media"
)

func TestCodes(t *testing.T) {
	for i, want := range []byte("0123456789*#ABCD") {
		digit, ok := Digit(uint8(i))
		code, back := Code(digit)
		if !ok || !back || digit != want || code != uint8(i) {
			t.Errorf("code %d is %q, code %d", i, digit, code)
		}
	}
	if c, ok := Code('d'); !ok || c != 15 {
		t.Error("small letters are not taken")
	}
	if _, ok := Digit(16); ok {
		t.Error("a hook flash is taken for a digit")
	}
	for _, no := range []byte("E x\x00\xff/:") {
		if _, ok := Code(no); ok {
			t.Errorf("%q has a code", no)
		}
	}
}

func TestParseAndPut(t *testing.T) {
	e, err := Parse([]byte{11, 0x80 | 10, 0x03, 0x20})
	if want := (Event{'#', true, 10, 800}); err != nil || e != want {
		t.Errorf("%+v, %v", e, err)
	}
	var b [Size]byte
	if err := e.Put(b[:]); err != nil || b != [Size]byte{11, 0x8a, 0x03, 0x20} {
		t.Errorf("% x, %v", b, err)
	}
	if _, err := Parse([]byte{1, 2, 3}); !errors.Is(err, ErrShort) {
		t.Errorf("three bytes: %v", err)
	}
	if _, err := Parse([]byte{16, 0, 0, 0}); !errors.Is(err, ErrUnknown) {
		t.Errorf("hook flash: %v", err)
	}
	if err := e.Put(b[:3]); !errors.Is(err, ErrShort) {
		t.Errorf("into three bytes: %v", err)
	}
	if err := (Event{Digit: 'x'}).Put(b[:]); !errors.Is(err, ErrUnknown) {
		t.Errorf("x: %v", err)
	}
}

func TestScale(t *testing.T) {
	for _, c := range []struct {
		duration uint16
		from, to int
		want     uint16
	}{
		{4800, 48000, 8000, 800}, {800, 8000, 48000, 4800}, {800, 8000, 8000, 800},
		{0xffff, 8000, 48000, 0xffff}, {11000, 8000, 48000, 0xffff}, {960, 0, 8000, 960}, {960, 8000, -1, 960},
	} {
		b := [Size]byte{1, 0, byte(c.duration >> 8), byte(c.duration)}
		Scale(b[:], c.from, c.to)
		if e, _ := Parse(b[:]); e.Duration != c.want {
			t.Errorf("%+v gives %d", c, e.Duration)
		}
	}
	Scale([]byte{1, 2}, 8000, 48000) // too short: left alone
}

// line feeds a receiver as the far end would.
type line struct {
	Receiver
	heard []Press
	now   time.Time
}

func (l *line) take(ts uint32, e Event) {
	var b [Size]byte
	_ = e.Put(b[:])
	l.now = l.now.Add(update)
	l.Take(&media.Packet{Payload: b[:], SSRC: 1, Timestamp: ts, Clock: 8000, Event: true}, l.now, l.hear)
}

func (l *line) hear(p Press) { l.heard = append(l.heard, p) }

func (l *line) digits() string {
	var s []byte
	for _, p := range l.heard {
		s = append(s, p.Digit)
	}
	return string(s)
}

func TestReceiver(t *testing.T) {
	on := func(d byte, n uint16) Event { return Event{Digit: d, Duration: n} }
	end := func(d byte, n uint16) Event { return Event{Digit: d, Duration: n, End: true} }
	for _, c := range []struct {
		name string
		play func(*line)
		want string
	}{
		{"a press, its end three times", func(l *line) {
			l.take(1000, on('5', 160))
			l.take(1000, on('5', 320))
			l.take(1000, end('5', 480))
			l.take(1000, end('5', 480))
			l.take(1000, end('5', 480))
		}, "5"},
		{"the same digit twice", func(l *line) { l.take(1000, end('5', 480)); l.take(3000, end('5', 480)) }, "55"},
		{"an end lost before the next", func(l *line) { l.take(1000, on('1', 160)); l.take(3000, end('2', 480)) }, "12"},
		{"an end lost for good", func(l *line) {
			l.take(1000, on('1', 160))
			l.Expire(l.now.Add(Lost-1), l.hear)
			if len(l.heard) != 0 {
				t.Error("expired early")
			}
			l.Expire(l.now.Add(Lost), l.hear)
			l.Expire(l.now.Add(2*Lost), l.hear)
		}, "1"},
		{"updates after the end was given up", func(l *line) {
			l.take(1000, on('1', 160))
			l.Expire(l.now.Add(Lost), l.hear)
			l.take(1000, end('1', 4000))
		}, "1"},
		{"a press of sixteen seconds in segments", func(l *line) {
			l.take(1000, on('9', 0xffff))
			l.take(1000+0xffff, on('9', 0xffff))
			l.take(1000+2*0xffff, end('9', 800))
		}, "9"},
		{"an older event come late", func(l *line) {
			l.take(1000, end('1', 480))
			l.take(3000, on('2', 160))
			l.take(1000, end('1', 480))
			l.take(3000, end('2', 480))
		}, "12"},
		{"a timestamp past its turn", func(l *line) { l.take(0xffffff00, end('1', 480)); l.take(0x500, end('2', 480)) }, "12"},
	} {
		l := &line{now: time.Unix(0, 0)}
		c.play(l)
		if got := l.digits(); got != c.want {
			t.Errorf("%s: heard %q, want %q", c.name, got, c.want)
		}
	}
}

func TestReceiverTellsDuration(t *testing.T) {
	l := &line{now: time.Unix(0, 0)}
	l.take(1000, Event{Digit: '9', Duration: 0xffff})
	l.take(1000+0xffff, Event{Digit: '9', Duration: 800, End: true})
	if want := (0xffff + 800) * time.Second / 8000; len(l.heard) != 1 || l.heard[0].Duration != want {
		t.Errorf("%v, want %v", l.heard, want)
	}
}

func TestReceiverTakesAnotherSource(t *testing.T) {
	l := &line{now: time.Unix(0, 0)}
	payload := []byte{1, 0x80, 0, 160}
	for ssrc := range uint32(2) {
		l.Take(&media.Packet{Payload: payload, SSRC: ssrc, Timestamp: 5000 - 1000*ssrc, Clock: 8000, Event: true}, l.now, l.hear)
	}
	l.Take(&media.Packet{Payload: payload, SSRC: 9, Clock: 8000}, l.now, l.hear) // audio
	if l.digits() != "11" {
		t.Errorf("heard %q", l.digits())
	}
}

func TestPackets(t *testing.T) {
	for _, clock := range []int{8000, 48000} {
		out, err := Packets('#', 100*time.Millisecond, clock)
		if err != nil || len(out) != 4+3 {
			t.Fatalf("%d packets, %v", len(out), err)
		}
		for i, p := range out {
			e, err := Parse(p.Payload[:])
			length := min(i+1, 5) * clock / 50
			if err != nil || e.Digit != '#' || int(e.Duration) != length || e.End != (i >= 4) || p.Marker != (i == 0) || p.At != time.Duration(i)*update {
				t.Errorf("packet %d at %v: %+v", i, p.At, e)
			}
		}
	}
	if _, err := Packets('x', time.Second, 8000); !errors.Is(err, ErrUnknown) {
		t.Errorf("x: %v", err)
	}
	long, _ := Packets('1', time.Hour, 48000)
	if last, _ := Parse(long[len(long)-1].Payload[:]); last.Duration < 0xff00 || len(long) > 80 {
		t.Errorf("an hour became %d packets, %d units", len(long), last.Duration)
	}
	short, _ := Packets('1', 0, 8000)
	if last, _ := Parse(short[len(short)-1].Payload[:]); last.Duration != 320 {
		t.Errorf("nothing became %d units", last.Duration)
	}
}

func TestWhatWeSendIsHeardOnce(t *testing.T) {
	l := &line{now: time.Unix(0, 0)}
	for i, digit := range []byte(digits) {
		out, _ := Packets(digit, 100*time.Millisecond, 8000)
		for _, p := range out {
			l.Take(&media.Packet{Payload: p.Payload[:], Timestamp: uint32(i) * 2000, Clock: 8000, Event: true}, l.now, l.hear)
		}
	}
	if l.digits() != digits || l.heard[0].Duration != 100*time.Millisecond {
		t.Errorf("heard %q, %v", l.digits(), l.heard[0])
	}
}

func FuzzReceiver(f *testing.F) {
	f.Add([]byte{5, 0, 0, 160}, uint32(0), []byte{5, 0x80, 1, 0}, uint32(0))
	f.Add([]byte{255, 255, 255, 255}, uint32(1<<31), []byte{}, uint32(7))
	f.Fuzz(func(t *testing.T, a []byte, at uint32, b []byte, bt uint32) {
		l := &line{now: time.Unix(0, 0)}
		for range 3 {
			l.Take(&media.Packet{Payload: a, Timestamp: at, Clock: 8000, Event: true}, l.now, l.hear)
		}
		for range 3 {
			l.Take(&media.Packet{Payload: b, Timestamp: bt, Clock: 8000, Event: true}, l.now, l.hear)
		}
		l.Expire(l.now.Add(Lost), l.hear)
		if len(l.heard) > 2 {
			t.Fatalf("two events, %d presses", len(l.heard))
		}
		for _, p := range l.heard {
			if _, ok := Code(p.Digit); !ok || p.Duration < 0 {
				t.Fatalf("heard %+v", p)
			}
		}
		Scale(a, 8000, 48000)
		if e, err := Parse(a); err == nil && e.Put(a) != nil {
			t.Fatal("what was parsed cannot be put")
		}
	})
}
