package sip

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/signalling"
)

// redial is the most that passes before a lost connection to a trunk is made
// again (S2), and settled how long one has to have lived for that: a far end
// that hangs up on us each time is asked at its usual time.
const (
	redial  = time.Second
	settled = 5 * time.Second
)

// watch asks the trunk whether it is there, for as long as we run: now, every
// keepalive (half of it after a miss), and soon after a connection to it was
// lost. Half way between, its connections get a ping (RFC 5626 §3.5.1).
func (t *trunk) watch(ctx context.Context) {
	for ctx.Err() == nil {
		well, half := false, around(t.Keepalive/2)
		signalling.Survives(t.agent.log, "a trunk's keep-alive", func() { well = t.probe(ctx) })
		if t.pause(ctx, half) && well {
			t.agent.flows.ping(t)
			t.pause(ctx, half)
		}
	}
}

// around is d, give or take a tenth, so that not all trunks are asked at once.
func around(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

// pause waits, and tells whether it did so until the end: a connection that was
// lost is a reason to ask soon.
func (t *trunk) pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
	case <-time.After(d):
		return true
	case <-t.lost:
		select {
		case <-ctx.Done():
		case <-time.After(redial/4 + rand.N(redial/2)):
		}
	}
	return false
}

// stirred is told when a connection that we had made to the trunk is over. It
// never blocks.
func (t *trunk) stirred(lived time.Duration) {
	if lived < settled {
		return
	}
	select {
	case t.lost <- struct{}{}:
	default: // it will be asked soon already
	}
}

var errNowhere = errors.New("its host has no address")

// probe asks one target after the other, until one answers, and tells whether
// one did.
func (t *trunk) probe(ctx context.Context) bool {
	status, took, failure := 0, time.Duration(0), errNowhere
	t.anywhere(func(one target) (bool, time.Duration) {
		began := time.Now()
		res, err := t.ask(ctx, one)
		if took = time.Since(began); err != nil {
			failure = err
			return false, 0
		}
		status = res.StatusCode
		return true, 0
	})
	switch {
	case ctx.Err() != nil:
	case status != 0:
		t.find(func(h health) health { return h.answered(status, took) })
	default:
		t.find(func(h health) health { return h.missed(short(failure)) })
	}
	return status != 0
}

// ask sends OPTIONS (RFC 3261 §11.1), with nothing in it that calls would need.
func (t *trunk) ask(ctx context.Context, one target) (*sipmsg.Response, error) {
	uri := sipmsg.Uri{Scheme: "sip", Host: t.domain}
	if _, port, _ := splitHost(t.Host); port != 0 {
		uri.Port = int(port)
	}
	me := sipmsg.Uri{Scheme: "sip", User: outward(t.CallerID, t.NumberFormat), Host: t.domain}
	d := &dialog{agent: t.agent, trunk: t, listener: one.listener, host: one.listener.hostFor(one.addr), callID: newTag(),
		local: party{"", me, newTag()}, remote: party{"", uri, ""}, localSeq: newSeq(), peer: one.addr, first: true, target: uri, routes: t.proxied()}
	req := d.request(sipmsg.OPTIONS)
	req.AppendHeader(d.contact())
	req.AppendHeader(sipmsg.NewHeader("Accept", sdpType))
	return t.agent.consult(req, t.ConnectTimeout, ctx.Done())
}

// find notes what was found, and tells of a change.
func (t *trunk) find(step func(health) health) {
	t.mu.Lock()
	before := t.health
	t.health = step(before)
	now := t.health
	t.mu.Unlock()
	if now.is == before.is {
		return
	}
	if now.is == answering {
		t.report("up")
		t.agent.log.Info("a trunk is up", "trunk", t.name, "state", now.words)
		return
	}
	t.report(signalling.TrunkUnreachable.String())
	t.agent.log.Warn("a trunk is down", "trunk", t.name, "state", now.words)
}

// TrunkHealth says in words what our OPTIONS last found of each trunk that is
// asked: "up (OPTIONS 200 in 31 ms)", "down: no answer within 4s".
func (a *Agent) TrunkHealth() map[string]string {
	all := map[string]string{}
	for name, t := range a.trunks {
		t.mu.Lock()
		if t.health.words != "" {
			all[name] = t.health.words
		}
		t.mu.Unlock()
	}
	return all
}
