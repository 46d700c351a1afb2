package sip

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// reliably is the extension of RFC 3262.
const reliably = "100rel"

// pracked is the final response to a PRACK of ours; nil where there was none.
type pracked struct {
	fork *fork
	seq  uint32
	req  *sipmsg.Request
	res  *sipmsg.Response
	auth bool // it had credentials
	tx   *sipmsg.ClientTx
}

// sequenceOf is the RSeq of a provisional response that wants a PRACK, else 0.
func sequenceOf(res *sipmsg.Response) uint32 {
	h := res.GetHeader("rseq")
	if h == nil || !lists(res, reliably, "require") {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(h.Value()), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// maxPracks is how many of a call may wait for their answers.
const maxPracks = maxForks

// inOrder tells whether a provisional response is to be looked at. One that is
// sent reliably is acknowledged: in order only, and once, as long as the PRACK
// arrives (RFC 3262 §4). What comes faster than it takes our PRACKs it repeats.
func (o *outgoing) inOrder(f *fork, res *sipmsg.Response) bool {
	seq := sequenceOf(res)
	if seq == 0 || f == nil || o.trunk.Reliable == reliableOff {
		return true
	}
	next := f.seq == 0 || seq == f.seq+1
	if o.pracks >= maxPracks {
		return false
	}
	if next || seq == f.seq && f.mute {
		f.seq, f.mute = seq, false
		o.prack(f, seq, res.CSeq().SeqNo, nil)
	}
	return next
}

// prack acknowledges a response, with credentials once there are any.
func (o *outgoing) prack(f *fork, seq, invite uint32, auth []sipmsg.Header) {
	req := o.requestIn(f, sipmsg.PRACK)
	req.AppendHeader(sipmsg.NewHeader("RAck", fmt.Sprintf("%d %d INVITE", seq, invite)))
	show(req, auth)
	tx, err := o.begin(req, "PRACK", time.Second)
	if err != nil {
		f.mute = true
		return
	}
	o.pracks++
	o.agent.wg.Go(func() { // ends with the transaction, which the leg ends with itself; awaited by Close
		o.mail.post(pracked{f, seq, req, finalOf(tx), auth != nil, tx})
	})
}

// finalOf waits for the final response; nil where the transaction ends without.
func finalOf(tx *sipmsg.ClientTx) *sipmsg.Response {
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res
			}
		case <-tx.Done():
			return nil
		}
	}
}

// acknowledged takes what became of a PRACK. A challenge is answered once.
func (o *outgoing) acknowledged(m pracked) {
	o.pracks--
	o.settled(m.tx, m.res)
	if m.res == nil {
		m.fork.mute = true
		return
	}
	o.note(false, statusLine(m.res)+" (PRACK)")
	if m.res.IsSuccess() || m.fork.seq != m.seq || !slices.Contains(o.forks, m.fork) {
		return
	}
	creds := credentials{trunk: o.trunk, within: true}
	if auth, err := creds.answer(m.req, m.res); err == nil && !m.auth {
		o.prack(m.fork, m.seq, o.invite.CSeq().SeqNo, auth)
		return
	}
	m.fork.mute = true
}
