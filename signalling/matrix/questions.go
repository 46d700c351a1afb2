package matrix

import (
	"sync"
	"time"
)

// whichNumber is asked in a room without a number when somebody calls there.
const whichNumber = "Which number? Say !dial and a number, or set this room's number with !number +49 30 …; a bare number, said now, is called too."

const (
	answerTime   = 2 * time.Minute // a number said later is just a number
	maxQuestions = 1000
)

// questions are those for a number that somebody is to answer in a room: what
// this person says next there may be the answer, whatever it is to others.
type questions struct {
	mu   sync.Mutex
	open map[question]time.Time // until then
}

type question struct{ room, user string }

// ask notes that somebody was asked.
func (q *questions) ask(room, user string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open == nil {
		q.open = map[question]time.Time{}
	}
	if len(q.open) >= maxQuestions {
		sweep(q.open, func(until time.Time) bool { return time.Now().After(until) }, maxQuestions)
	}
	q.open[question{room, user}] = time.Now().Add(answerTime)
}

// answered tells whether somebody was to say a number, and has spoken now.
func (q *questions) answered(room, user string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := question{room, user}
	until, asked := q.open[k]
	delete(q.open, k)
	return asked && !time.Now().After(until)
}
