package signalling

import "roomline/media"

// sound is what each side is given to hear just now.
type sound struct {
	bridge *media.Bridge // between the pair; nil before there was one
	before *media.Bridge // the same before the answer, which no tap hears
	turns  int           // after how many transfers that is
	tap    media.Tap     // made with the first bridge, and kept
	early  *media.Early  // what the called side says before the caller can hear it

	promised bool // the caller was told of a codec before the answer
	now      [sides]source
	stops    [sides]func() // ends what plays to a side
}

// earlyPackets is two seconds of audio at the usual 20 ms a packet.
const earlyPackets = 100

// answer connects the caller with the very format the called side chose, so
// that packets pass through untouched (RFC 3264 §6.1 lets an answer choose).
func (c *call) answer(s Side) {
	m := c.legs[c.other(s)].Media()
	if !c.slots[s].up {
		c.keep(m)
	}
	c.legs[s].Answer(m.Format())
}

// listen lets every side hear what it is to hear by now. What no longer
// belongs is stopped first, so that an endpoint is never written to twice.
func (c *call) listen() {
	apart := c.sound.turns != c.turns
	for s := range Side(sides) {
		if now := c.sound.now[s]; now != c.hears(s) || now == partner && apart {
			c.sound.hush(s)
		}
	}
	for s := range Side(sides) {
		if want := c.hears(s); want != c.sound.now[s] {
			c.sound.now[s] = want
			c.sound.stops[s] = c.play(s, want)
		}
	}
}

// play begins, and returns what ends it.
func (c *call) play(s Side, what source) (stop func()) {
	switch what {
	case partner:
		return c.bridged().Open(c.place(c.other(s)))
	case preview:
		return c.previewed().Open(c.place(c.other(s)))
	}
	if c.opt.Music == nil {
		return func() {}
	}
	m := c.legs[s].Media()
	return c.opt.Music.Play(m, m.Format())
}

// bridged is the bridge between the pair.
func (c *call) bridged() *media.Bridge {
	w := &c.sound
	if w.bridge != nil && w.turns == c.turns {
		return w.bridge
	}
	if w.bridge == nil && c.opt.Tap != nil {
		w.tap = c.opt.Tap(c.inbox.Call())
	}
	w.bridge, w.turns = media.NewBridge(c.legs[c.pair[0]].Media(), c.legs[c.pair[1]].Media(), w.tap), c.turns
	if w.early != nil {
		w.bridge.Precede(1, w.early)
		w.early = nil
	}
	return w.bridge
}

func (w *sound) hush(s Side) {
	if w.stops[s] != nil {
		w.stops[s]()
	}
	w.stops[s], w.now[s] = nil, silence
}

func (w *sound) stop() {
	for s := range Side(sides) {
		w.hush(s)
	}
}
