package sip

import (
	"context"
	"fmt"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// maxFarewells is how many calls of before a sudden end are ended at once.
const maxFarewells = 32

// outlived is how long a call can have lasted at most: nobody remembers older ones.
const outlived = 24 * time.Hour

// leftovers reads what an earlier run of this program left open.
func (a *Agent) leftovers(ctx context.Context) ([]Entry, error) {
	if a.scribe.journal == nil {
		return nil, nil
	}
	all, err := a.scribe.journal.Entries(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the journal of SIP calls: %w", err)
	}
	return all, nil
}

// endAll says BYE in each of the dialogs, a number of them at once, and returns
// when there is no more to be done. What is not done stays in the journal.
func (a *Agent) endAll(left []Entry) {
	if len(left) == 0 {
		return
	}
	var all sync.WaitGroup
	turns := make(chan struct{}, maxFarewells)
	for _, e := range left {
		all.Go(func() { // ends with the far end's answer, in time, or with a.ctx; awaited below
			signalling.Survives(a.log, "the end of an old call", func() { a.end(e, turns) })
		})
	}
	all.Wait()
	if a.ctx.Err() == nil {
		a.log.Info("calls that a sudden end had left open were ended", "calls", len(left))
	}
}

// end says BYE until there is an answer, of whatever kind, a few times. Who
// waits for the next time is in nobody's way.
func (a *Agent) end(e Entry, turns chan struct{}) {
	d, ok := a.revive(e)
	if ok && time.Since(e.At) < outlived {
		for _, wait := range a.timing.farewells {
			if a.inTurn(turns, func() bool { return a.farewell(d) }) {
				break
			}
			select {
			case <-time.After(wait):
			case <-a.ctx.Done():
				return // the next start tries again
			}
		}
	}
	if a.ctx.Err() == nil {
		a.scribe.forget(e.Key())
	}
}

// inTurn does what only so many may do at once, unless we close meanwhile.
func (a *Agent) inTurn(turns chan struct{}, do func() bool) bool {
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
		return do()
	case <-a.ctx.Done():
		return false
	}
}

// farewell says BYE in a dialog that belongs to no leg. It tells whether there
// was an answer; challenges of the trunk's own are answered.
func (a *Agent) farewell(d *dialog) bool {
	creds := credentials{trunk: d.trunk, within: true}
	req := d.request(sipmsg.BYE)
	res := a.answerOf(req)
	for res != nil {
		auth, err := creds.answer(req, res)
		if err != nil {
			break
		}
		req = d.request(sipmsg.BYE)
		show(req, auth)
		res = a.answerOf(req)
	}
	return res != nil
}

// answerOf sends a request that belongs to no leg and waits a moment for its
// final response; nil where none comes.
func (a *Agent) answerOf(req *sipmsg.Request) *sipmsg.Response {
	tx, err := a.send(req, time.Second)
	if err != nil {
		return nil
	}
	defer tx.Terminate()
	wait := time.NewTimer(a.timing.bye)
	defer wait.Stop()
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res
			}
		case <-tx.Done():
			return nil
		case <-wait.C:
			return nil
		case <-a.ctx.Done():
			return nil
		}
	}
}
