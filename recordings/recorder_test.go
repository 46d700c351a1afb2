package recordings

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"roomline/media"
)

// memory is a store of one file, which can stall or fail.
type memory struct {
	mu    sync.Mutex
	b     []byte
	name  string
	gate  chan struct{} // Create waits for it
	fails error
}

func (m *memory) Create(name string) (io.WriteCloser, error) {
	if m.gate != nil {
		<-m.gate
	}
	m.name = name
	return m, CheckName(name)
}

func (m *memory) Open(string) (io.ReadCloser, error) { return nil, fs.ErrNotExist }

func (m *memory) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil && len(m.b) > headerSize {
		return 0, m.fails
	}
	m.b = append(m.b, b...)
	return len(b), nil
}

func (m *memory) WriteAt(b []byte, at int64) (int, error) { return copy(m.b[at:], b), nil }

func (m *memory) Close() error { return nil }

// side gives the samples of one side, and checks the header.
func (m *memory) side(t *testing.T, side int, tag uint16) []byte {
	t.Helper()
	le, data := binary.LittleEndian, m.b[headerSize:]
	ok := string(m.b[:4]) == "RIFF" && int(le.Uint32(m.b[4:])) == len(m.b)-8 && string(m.b[8:16]) == "WAVEfmt " &&
		le.Uint32(m.b[16:]) == 18 && le.Uint16(m.b[20:]) == tag && le.Uint16(m.b[22:]) == 2 && le.Uint32(m.b[24:]) == 8000 &&
		le.Uint32(m.b[28:]) == 16000 && le.Uint16(m.b[32:]) == 2 && le.Uint16(m.b[34:]) == 8 &&
		string(m.b[38:42]) == "fact" && int(le.Uint32(m.b[factCount:])) == len(data)/2 &&
		string(m.b[50:54]) == "data" && int(le.Uint32(m.b[dataSize:])) == len(data)
	if !ok {
		t.Fatalf("header % x of %d bytes", m.b[:headerSize], len(m.b))
	}
	var out []byte
	for i := side; i < len(data); i += 2 {
		out = append(out, data[i])
	}
	return out
}

// spoken is where a side first and last says b, in samples, and how often.
func spoken(samples []byte, b byte) (first, last, n int) {
	return bytes.IndexByte(samples, b), bytes.LastIndexByte(samples, b), bytes.Count(samples, []byte{b})
}

func begin(t *testing.T, s Store, f media.Format) *Recorder {
	t.Helper()
	r, err := New(s, f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// pass lets the bubble's time go by.
func pass(d time.Duration) { <-time.After(d) }

func say(r *Recorder, side int, timestamp uint32, fill byte) {
	p := media.Packet{SSRC: uint32(side), Timestamp: timestamp, Clock: 8000, Payload: bytes.Repeat([]byte{fill}, 160)}
	r.Take(side, &p)
	clear(p.Payload) // it was only lent
}

func TestSidesAreAligned(t *testing.T) {
	for _, f := range []media.Format{media.PCMU, media.PCMA} {
		synctest.Test(t, func(t *testing.T) {
			law, _ := lawOf(f)
			m := &memory{}
			r := begin(t, m, f)
			for i := range 100 { // two seconds of A; B begins after one, and jitters
				say(r, 0, uint32(i)*160, 1)
				if i >= 50 {
					late := time.Duration(i%3) * 5 * time.Millisecond
					pass(late)
					say(r, 1, 7000+uint32(i)*160, 2)
					pass(20*time.Millisecond - late)
				} else {
					pass(20 * time.Millisecond)
				}
			}
			for range 2 {
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
			a, b := m.side(t, 0, law.tag), m.side(t, 1, law.tag)
			if first, last, n := spoken(a, 1); first != 0 || last != 15999 || n != 16000 {
				t.Errorf("A speaks %d samples from %d to %d", n, first, last)
			}
			first, last, n := spoken(b, 2)
			if n != 8000 || last-first != 7999 || first < 8000 || first > 8000+120 {
				t.Errorf("B speaks %d samples from %d to %d", n, first, last)
			}
			if got := bytes.Count(b, []byte{law.silence}); got != len(b)-8000 {
				t.Errorf("%d samples of silence", got)
			}
			if r.Dropped() != 0 || m.name != r.Name() {
				t.Errorf("dropped %d, name %s", r.Dropped(), m.name)
			}
		})
	}
}

func TestHoldIsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		r := begin(t, m, media.PCMU)
		say(r, 0, 0, 1)
		pass(10 * time.Minute)
		say(r, 0, 160, 3) // the source stood still meanwhile
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if first, _, n := spoken(m.side(t, 0, 7), 3); first != 600*8000 || n != 160 {
			t.Errorf("%d samples from %d", n, first)
		}
	})
}

func TestReorderedPacketsAndOthersThatDoNotBelong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		r := begin(t, m, media.PCMU)
		say(r, 0, 0, 1)
		pass(40 * time.Millisecond)
		say(r, 0, 320, 3)
		say(r, 0, 160, 2)
		r.Take(0, &media.Packet{Event: true, Payload: []byte{1, 2, 3, 4}})
		r.Take(9, &media.Packet{Payload: []byte{9}})
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		want := append(append(bytes.Repeat([]byte{1}, 160), bytes.Repeat([]byte{2}, 160)...), bytes.Repeat([]byte{3}, 160)...)
		if got := m.side(t, 0, 7); !bytes.Equal(got, want) {
			t.Errorf("%d samples", len(got))
		}
	})
}

func TestStalledStoreNeverBlocksACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{gate: make(chan struct{})}
		r := begin(t, m, media.PCMU)
		begun := time.Now()
		say(r, 0, 0, 1)
		synctest.Wait() // the writer waits for the store
		for i := range queued + 500 {
			say(r, i%2, uint32(i/2)*160, 1)
		}
		if time.Since(begun) != 0 {
			t.Errorf("it took %v", time.Since(begun))
		}
		if n := r.Dropped(); n != 500 {
			t.Errorf("%d dropped", n)
		}
		close(m.gate)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		say(r, 0, 0, 1) // does nothing
		if n := r.Dropped(); n != 500 {
			t.Errorf("%d dropped", n)
		}
	})
}

func TestFullDiskIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("no space left")
		m := &memory{fails: full}
		r := begin(t, m, media.PCMU)
		for i := range 200 {
			say(r, 0, uint32(i)*160, 1)
			pass(20 * time.Millisecond)
		}
		if err := r.Close(); !errors.Is(err, full) {
			t.Errorf("close: %v", err)
		}
		if r.Dropped() == 0 {
			t.Error("nothing counted")
		}
	})
}

func TestNothingSaidNothingKept(t *testing.T) {
	m := &memory{}
	r := begin(t, m, media.PCMU)
	if err := r.Close(); err != nil || m.name != "" {
		t.Errorf("%v, %q", err, m.name)
	}
	if _, err := New(m, media.Opus); !errors.Is(err, ErrFormat) {
		t.Errorf("opus: %v", err)
	}
}

func TestHeaderCanBePlayedBeforeTheEnd(t *testing.T) {
	h := (&wav{law: law{7, 0xff}}).header(unknown)
	if len(h) != headerSize || binary.LittleEndian.Uint32(h[dataSize:]) != unknown || binary.LittleEndian.Uint32(h[riffSize:]) != unknown {
		t.Errorf("% x", h)
	}
}
