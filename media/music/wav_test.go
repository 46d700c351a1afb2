package music

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wavFile is a tone in each channel as a file of seconds, at a peak of level
// 0 to 1.
func wavFile(rate, channels int, seconds, hz, peak float64) []byte {
	data := make([]byte, 0, int(seconds*float64(rate))*2*channels)
	for i := range int(seconds * float64(rate)) {
		s := int16(peak * full * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
		for range channels {
			data = binary.LittleEndian.AppendUint16(data, uint16(s))
		}
	}
	return riff(chunk("fmt ", header(plainPCM, channels, rate, 16)), chunk("LIST", []byte("odd")), chunk("data", data))
}

func header(kind, channels, rate, bits int) []byte {
	b := make([]byte, 16)
	binary.LittleEndian.PutUint16(b, uint16(kind))
	binary.LittleEndian.PutUint16(b[2:], uint16(channels))
	binary.LittleEndian.PutUint32(b[4:], uint32(rate))
	binary.LittleEndian.PutUint16(b[14:], uint16(bits))
	return b
}

func chunk(name string, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(name), uint32(len(body)))
	b = append(b, body...)
	return append(b, make([]byte, len(body)%2)...)
}

func riff(chunks ...[]byte) []byte {
	return append([]byte("RIFF\xff\xff\xff\xffWAVE"), bytes.Join(chunks, nil)...)
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "hold.wav")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestAnOperatorsFile is heard at our level, whatever its rate, its channels
// and its loudness.
func TestAnOperatorsFile(t *testing.T) {
	for _, rate := range rates {
		for channels := 1; channels <= 2; channels++ {
			for _, peak := range []float64{1, 0.05} {
				s := newSet(t, Options{File: write(t, wavFile(rate, channels, 2, 1000, peak))})
				if n := len(s.Hold.wide); n < 2*wide || n > 2*wide+wide/frames {
					t.Errorf("%d Hz: %d samples", rate, n)
				}
				for _, at := range []int{wide, narrow} {
					middle := s.Hold.at(at)[at/2 : at*3/2]
					tone, all := goertzel(middle, 1000, at), power(middle)
					if math.Abs(tone+20) > 0.5 || math.Abs(all-tone) > 0.1 {
						t.Errorf("%d Hz, %d channels, heard at %d: the tone has %.1f dBFS of %.1f", rate, channels, at, tone, all)
					}
				}
			}
		}
	}
}

// TestWhatCannotBeHeardIsGone: what is above a rate's half would be heard as
// another tone.
func TestWhatCannotBeHeardIsGone(t *testing.T) {
	for _, c := range []struct{ from, to, hz int }{{48000, 16000, 11000}, {44100, 16000, 9500}, {16000, 8000, 5000}} {
		in := make([]int16, c.from)
		for i := range in {
			in[i] = int16(20000 * math.Sin(2*math.Pi*float64(c.hz)*float64(i)/float64(c.from)))
		}
		out := resample(in, c.from, c.to)
		if db := power(out[c.to/10 : c.to*9/10]); db > -65 {
			t.Errorf("%d Hz from %d to %d: %.1f dBFS", c.hz, c.from, c.to, db)
		}
	}
}

func TestFilesThatCannotBePlayed(t *testing.T) {
	good := wavFile(8000, 1, 2, 440, 0.5)
	audio := chunk("data", make([]byte, 2*2*48000))
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"empty":           {nil, "not a WAV file"},
		"text":            {[]byte("Greensleeves, but as a file of text"), "not a WAV file"},
		"mp3":             {append([]byte("ID3"), good...), "not a WAV file"},
		"no audio":        {riff(chunk("fmt ", header(1, 1, 8000, 16))), "less than a second"},
		"cut short":       {good[:200], "less than a second"},
		"data first":      {riff(audio), "does not say its format"},
		"short format":    {riff(chunk("fmt ", []byte{1, 0}), audio), "does not say its format"},
		"24 bits":         {riff(chunk("fmt ", header(1, 1, 8000, 24)), audio), "24 bits"},
		"µ-law":           {riff(chunk("fmt ", header(7, 1, 8000, 8)), audio), "encoding 7"},
		"six channels":    {riff(chunk("fmt ", header(1, 6, 48000, 16)), audio), "6 channels"},
		"no channels":     {riff(chunk("fmt ", header(1, 0, 48000, 16)), audio), "0 channels"},
		"another rate":    {riff(chunk("fmt ", header(1, 1, 11025, 16)), audio), "11025 Hz"},
		"a rate of 0":     {riff(chunk("fmt ", header(1, 1, 0, 16)), audio), "0 Hz"},
		"far too large":   {make([]byte, maxFile+1), "larger than 64 MB"},
		"extensible µlaw": {riff(chunk("fmt ", append(header(extensible, 1, 8000, 16), 0, 0, 0, 0, 0, 0, 0, 0, 7, 0)), audio), "encoding 7"},
	} {
		file := write(t, c.file)
		_, err := New(Options{File: file})
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if _, err := New(Options{File: filepath.Join(t.TempDir(), "none.wav")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestFilesThatPlayAnyway: written as a stream, or with the longer header that
// some programs write.
func TestFilesThatPlayAnyway(t *testing.T) {
	body := make([]byte, 2*16000)
	stream := chunk("data", body)
	binary.LittleEndian.PutUint32(stream[4:], 0xffffffff)
	long := append(header(extensible, 1, 8000, 16), 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)
	for name, file := range map[string][]byte{
		"stream":     riff(chunk("fmt ", header(1, 1, 8000, 16)), stream),
		"extensible": riff(chunk("fmt ", long), chunk("data", body)),
		"odd chunk":  riff(chunk("junk", make([]byte, 7)), chunk("fmt ", header(1, 1, 8000, 16)), chunk("data", body)),
	} {
		if got, err := parse(file); err != nil || len(got) != 2*wide {
			t.Errorf("%s: %d samples, %v", name, len(got), err)
		}
	}
}

func FuzzWAV(f *testing.F) {
	f.Add(wavFile(8000, 1, 1.01, 440, 0.5))
	f.Add(riff(chunk("fmt ", header(1, 2, 44100, 16)), chunk("data", make([]byte, 100))))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if samples, err := parse(file); err == nil && (len(samples) < wide-1 || len(samples) > 2*len(file)) {
			t.Errorf("%d samples of %d bytes", len(samples), len(file))
		}
	})
}
