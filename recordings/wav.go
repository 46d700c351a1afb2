package recordings

import (
	"encoding/binary"
	"io"

	"roomline/media"
)

// law is a G.711 encoding as a WAV file names it (RFC 2361).
type law struct {
	tag     uint16 // WAVE_FORMAT_MULAW or WAVE_FORMAT_ALAW
	silence byte   // ITU-T G.711: the code of zero
}

func lawOf(f media.Format) (law, bool) {
	switch {
	case f.Same(media.PCMU):
		return law{7, 0xff}, true
	case f.Same(media.PCMA):
		return law{6, 0xd5}, true
	}
	return law{}, false
}

// A WAV file of a compressed encoding: RIFF, fmt with an empty extension, fact
// with the number of samples, data. The lengths are not known before the end;
// until then they are the largest there are, which players read as "to the end
// of the file", so that what a crash leaves can be played.
const (
	extension  = ".wav"
	headerSize = 58
	riffSize   = 4  // offset of the RIFF chunk's length
	factCount  = 46 // offset of the number of samples per channel
	dataSize   = 54 // offset of the data chunk's length
	unknown    = 0xffffffff
)

// wav writes one file. It belongs to the recorder's writer.
type wav struct {
	law     law
	file    io.WriteCloser
	written uint32
}

func (w *wav) open() bool { return w.file != nil }

func (w *wav) create(s Store, name string) error {
	file, err := s.Create(name)
	if err != nil {
		return err
	}
	w.file = file
	_, err = file.Write(w.header(unknown))
	return err
}

func (w *wav) header(data uint32) []byte {
	b := make([]byte, 0, headerSize)
	riff, samples := uint32(unknown), uint32(unknown)
	if data != unknown {
		riff, samples = data+headerSize-8, data/sides
	}
	le := binary.LittleEndian
	b = le.AppendUint32(append(b, "RIFF"...), riff)
	b = le.AppendUint32(append(b, "WAVEfmt "...), 18)
	b = le.AppendUint16(le.AppendUint16(b, w.law.tag), sides)
	b = le.AppendUint32(le.AppendUint32(b, rate), rate*sides)
	b = le.AppendUint16(le.AppendUint16(le.AppendUint16(b, sides), 8), 0) // block, bits, extension
	b = le.AppendUint32(le.AppendUint32(append(b, "fact"...), 4), samples)
	return le.AppendUint32(append(b, "data"...), data)
}

// write appends samples of both sides, interleaved.
func (w *wav) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := w.file.Write(b)
	w.written += uint32(n)
	return err
}

// close sets the lengths right where the store lets it, and closes.
func (w *wav) close() error {
	var err error
	if at, ok := w.file.(io.WriterAt); ok {
		_, err = at.WriteAt(w.header(w.written), 0)
	}
	if closed := w.file.Close(); err == nil {
		err = closed
	}
	return err
}
