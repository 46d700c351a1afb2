package sip

import (
	"fmt"
	"time"
)

// How many OPTIONS in a row it takes to think otherwise of a trunk (F13).
const (
	missesDown = 2
	answersUp  = 2
)

// condition is whether a trunk answers.
type condition int

const (
	unasked condition = iota
	answering
	silent
)

// health is what our OPTIONS found so far. It is a value: a table over answers
// and misses, without clock or socket.
type health struct {
	is    condition
	row   int    // how many in a row spoke against it
	words string // "up (OPTIONS 200 in 31 ms)", "down: no answer within 4s"
}

// answered takes a response, whatever it says: who refuses is there.
func (h health) answered(status int, in time.Duration) health {
	words := fmt.Sprintf("(OPTIONS %d in %d ms)", status, in.Milliseconds())
	if h.is == silent {
		if h.row++; h.row < answersUp {
			h.words = "down, but answered once " + words
			return h
		}
	}
	return health{is: answering, words: "up " + words}
}

// missed takes a failure to send, or no response. The first one does not take a
// trunk down: it may have been one lost packet.
func (h health) missed(why string) health {
	if h.is != silent {
		if h.row++; h.row < missesDown {
			h.words = map[condition]string{unasked: "unknown", answering: "up"}[h.is] + ", but missed once: " + why
			return h
		}
	}
	return health{is: silent, words: "down: " + why}
}
