package rig

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"
)

// Sound is one channel of audio.
type Sound struct {
	Samples  []float64 // full scale is 1
	Rate     int       // Hz
	Began    time.Time // of the first sample, where it is known
	Complete bool      // read from a file whose writer has closed it
}

// Length is how long the sound is.
func (s Sound) Length() time.Duration {
	return time.Duration(float64(len(s.Samples)) / float64(max(s.Rate, 1)) * float64(time.Second))
}

// pcm16 reads little-endian samples of 16 bits.
func pcm16(raw []byte) []float64 {
	x := make([]float64, len(raw)/2)
	for i := range x {
		x[i] = float64(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / 32768
	}
	return x
}

// ReadWAV reads a WAV file of one channel and 16 bits. Asterisk writes
// the size of the audio, its last chunk, when it closes the file.
func ReadWAV(path string) (Sound, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Sound{}, err
	}
	if len(b) < 44 || string(b[:4]) != "RIFF" || string(b[8:16]) != "WAVEfmt " || binary.LittleEndian.Uint32(b[20:]) != 1|1<<16 {
		return Sound{}, fmt.Errorf("%s: not a WAV file of one PCM channel", path)
	}
	rate := int(binary.LittleEndian.Uint32(b[24:]))
	for p := 12; p+8 <= len(b); {
		id, n := string(b[p:p+4]), int(binary.LittleEndian.Uint32(b[p+4:]))
		p += 8
		if id == "data" {
			// a writer begins with a length of nought and mends it at the end
			return Sound{Samples: pcm16(b[p:]), Rate: rate, Complete: n > 0 && n == len(b)-p}, nil
		}
		p += n + n&1
	}
	return Sound{}, fmt.Errorf("%s: no audio in it", path)
}

// Save writes the sound as a WAV file, for an ear to judge.
func (s Sound) Save(path string) error {
	b := make([]byte, 44+2*len(s.Samples))
	copy(b, "RIFF----WAVEfmt ")
	copy(b[36:], "data")
	le := binary.LittleEndian
	le.PutUint32(b[4:], uint32(len(b)-8))
	le.PutUint32(b[16:], 16)
	le.PutUint32(b[20:], 1|1<<16) // PCM, one channel
	le.PutUint32(b[24:], uint32(s.Rate))
	le.PutUint32(b[28:], uint32(2*s.Rate))
	le.PutUint32(b[32:], 2|16<<16) // bytes a frame, bits a sample
	le.PutUint32(b[40:], uint32(len(b)-44))
	for i, v := range s.Samples {
		le.PutUint16(b[44+2*i:], uint16(int16(32767*max(-1, min(1, v)))))
	}
	return os.WriteFile(path, b, 0o644)
}
