package music

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Bounds on a file of an operator's.
const (
	maxFile = 64 << 20 // bytes: five minutes of stereo at 48 kHz
	shorter = 1        // second is no music
)

// Errors of a file that cannot be played.
var (
	errSize     = fmt.Errorf("it is larger than %d MB", maxFile>>20)
	errNoWAV    = errors.New("it is not a WAV file")
	errNoFormat = errors.New("it does not say its format before its audio")
	errNoAudio  = errors.New("there is less than a second of audio in it")
)

var rates = []int{8000, 16000, 24000, 32000, 44100, 48000}

// load reads a file as samples at 16 kHz and our level.
func load(name string) ([]int16, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errSize
	}
	var samples []int16
	if err == nil {
		samples, err = parse(text)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return samples, nil
}

// parse reads RIFF WAVE: chunks of a name, a length and an even number of
// bytes. Those that we do not know are passed over.
func parse(text []byte) ([]int16, error) {
	if len(text) < 12 || string(text[:4]) != "RIFF" || string(text[8:12]) != "WAVE" {
		return nil, errNoWAV
	}
	var form *format
	for rest := text[12:]; len(rest) >= 8; {
		// A length that is too long is of a file that was written as a stream.
		name, size := string(rest[:4]), int(min(binary.LittleEndian.Uint32(rest[4:]), maxFile))
		body := rest[8:min(8+size, len(rest))]
		switch name {
		case "fmt ":
			var err error
			if form, err = readFormat(body); err != nil {
				return nil, err
			}
		case "data":
			if form == nil {
				return nil, errNoFormat
			}
			return form.samples(body)
		}
		rest = rest[min(8+size+size%2, len(rest)):]
	}
	return nil, errNoAudio
}

// format is how a file's audio is written.
type format struct{ channels, rate int }

const (
	plainPCM   = 1
	extensible = 0xfffe // whose first two bytes of a GUID say what is meant
)

func readFormat(b []byte) (*format, error) {
	if len(b) < 16 {
		return nil, errNoFormat
	}
	kind := binary.LittleEndian.Uint16(b)
	if kind == extensible && len(b) >= 26 {
		kind = binary.LittleEndian.Uint16(b[24:])
	}
	f := &format{int(binary.LittleEndian.Uint16(b[2:])), int(binary.LittleEndian.Uint32(b[4:]))}
	bits := binary.LittleEndian.Uint16(b[14:])
	switch {
	case kind != plainPCM || bits != 16:
		return nil, fmt.Errorf("its audio is encoding %d with %d bits, not PCM with 16", kind, bits)
	case f.channels != 1 && f.channels != 2:
		return nil, fmt.Errorf("it has %d channels, not 1 or 2", f.channels)
	case !slices.Contains(rates, f.rate):
		return nil, fmt.Errorf("its rate is %d Hz, not one of %v", f.rate, rates)
	}
	return f, nil
}

// samples mixes the channels and brings them to our rate and level.
func (f *format) samples(b []byte) ([]int16, error) {
	mono := make([]int16, len(b)/2/f.channels)
	for i := range mono {
		sum := 0
		for c := range f.channels {
			sum += int(int16(binary.LittleEndian.Uint16(b[2*(i*f.channels+c):])))
		}
		mono[i] = int16(sum / f.channels)
	}
	if len(mono) < shorter*f.rate {
		return nil, errNoAudio
	}
	return softEnds(resample(mono, f.rate, wide)), nil
}

// softEnds lets a file begin and end without a click, at our level.
func softEnds(samples []int16) []int16 {
	const fade = wide / 20
	loud := make([]float64, len(samples))
	for i, s := range samples {
		edge := min(float64(min(i, len(samples)-1-i))/fade, 1)
		loud[i] = edge * float64(s) / full
	}
	return leveled(loud)
}
