// Package recordings keeps the audio of a call in a file without ever delaying
// the call.
//
// No configuration reaches it yet: nobody may be recorded before the rules of
// consent exist, which say whose notice comes before the first sample and what
// becomes of a call that must be recorded and cannot be.
package recordings

import (
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"roomline/media"
)

// ErrFormat says that an encoding cannot be recorded as it is.
var ErrFormat = errors.New("only G.711 can be recorded")

// queued is how many packets wait for a slow store: ten seconds of a call.
const queued = 1000

// Recorder is a media.Tap that writes both sides of one call, side A left and
// side B right, aligned by when their packets arrived.
type Recorder struct {
	name  string
	store Store
	queue chan frame
	done  chan struct{} // closed by Close: take no more
	ended chan struct{} // closed by the writer: the file is closed
	once  sync.Once
	err   error // of the store; the writer's until ended

	dropped atomic.Uint64
	track   *track
	file    *wav
}

var _ media.Tap = (*Recorder)(nil)

// frame is a copy of one packet.
type frame struct {
	side      int
	at        time.Time
	ssrc      uint32
	timestamp uint32
	payload   []byte
}

// New begins a recording of a call in format f. Its writer ends in Close; the
// file is created with the first packet.
func New(store Store, f media.Format) (*Recorder, error) {
	law, ok := lawOf(f)
	if !ok {
		return nil, ErrFormat
	}
	r := &Recorder{
		name: rand.Text() + extension, store: store,
		queue: make(chan frame, queued), done: make(chan struct{}), ended: make(chan struct{}),
		file: &wav{law: law}, track: newTrack(law.silence),
	}
	go r.run()
	return r, nil
}

// Name is the recording's name in the store: a random id that says nothing of
// the call.
func (r *Recorder) Name() string { return r.name }

// Dropped counts the packets that are missing because the store was too slow or
// failed. It may be called at any time.
func (r *Recorder) Dropped() uint64 { return r.dropped.Load() }

// Take implements media.Tap. Telephone-events are left out: what is keyed in a
// call is often a secret.
func (r *Recorder) Take(from int, p *media.Packet) {
	if p.Event || from < 0 || from >= sides || len(p.Payload) == 0 {
		return
	}
	select {
	case <-r.done:
		return
	default:
	}
	f := frame{from, time.Now(), p.SSRC, p.Timestamp, append([]byte(nil), p.Payload...)}
	select {
	case r.queue <- f:
	default:
		r.dropped.Add(1)
	}
}

// Close writes what waits, finishes the file and returns the first error of
// the store. It waits for the store, so it is no part of a call's own ending.
// It may be called twice.
func (r *Recorder) Close() error {
	r.once.Do(func() { close(r.done) })
	<-r.ended
	return r.err
}

// run is the writer.
func (r *Recorder) run() {
	defer close(r.ended)
	for open := true; open; {
		select {
		case f := <-r.queue:
			r.take(f)
		case <-r.done:
			open = false
		}
	}
	for len(r.queue) > 0 {
		r.take(<-r.queue)
	}
	r.finish()
}

func (r *Recorder) take(f frame) {
	if r.err == nil && !r.file.open() {
		r.err = r.file.create(r.store, r.name)
	}
	for b := r.track.settled(f.at); b != nil && r.err == nil; b = r.track.settled(f.at) {
		r.err = r.file.write(b)
	}
	if r.err != nil || !r.track.place(f) {
		r.dropped.Add(1)
	}
}

func (r *Recorder) finish() {
	if !r.file.open() {
		return
	}
	if r.err == nil {
		r.err = r.file.write(r.track.rest())
	}
	r.err = errors.Join(r.err, r.file.close())
}
