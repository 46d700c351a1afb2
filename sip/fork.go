package sip

import (
	"bytes"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/signalling"
)

// maxForks is how many early dialogs one INVITE may have; further ones ring, and
// are not heard (RFC 5393 on what forks may come to).
const maxForks = 32

// fork is an early dialog: of those that one INVITE leads to, each has its own
// tag, route set, target, requests and description (RFC 3261 §12.1.2, §13.2.2.4).
type fork struct {
	dialog
	sdp     []byte            // its latest description, to know a repeated one
	deal    *media.Negotiated // what that led to; nil: nothing yet
	settled bool              // the description came reliably, so our offer is answered (RFC 3262 §5)
	updated bool              // an UPDATE changed it since
	seq     uint32            // RSeq of the latest response that came reliably; 0: none
	mute    bool              // whose PRACK had no 2xx
}

// forkOf finds the early dialog of a tag.
func (o *outgoing) forkOf(tag string) *fork {
	for _, f := range o.forks {
		if f.remote.tag == tag {
			return f
		}
	}
	return nil
}

// fork is the early dialog that a provisional response belongs to, or begins;
// nil without a tag, or past the limit.
func (o *outgoing) fork(res *sipmsg.Response) *fork {
	tag := tagOf(res.To().Params)
	if f := o.forkOf(tag); f != nil {
		f.refresh(res.Contact())
		return f
	}
	if tag == "" || len(o.forks) >= maxForks {
		return nil
	}
	f := &fork{dialog: *o.dialog}
	f.establish(res)
	o.forks = append(o.forks, f)
	return f
}

// requestIn makes a request of ours in an early dialog. All of one INVITE count
// on together, so that the one that is answered goes on from there.
func (o *outgoing) requestIn(f *fork, method sipmsg.RequestMethod) *sipmsg.Request {
	f.localSeq = o.dialog.localSeq
	req := f.request(method)
	o.dialog.localSeq = f.localSeq
	return req
}

// preview lets what a fork plays be heard from now on, in place of what another
// played, and tells whether there is something. The call is promised the codec
// of the first: what comes in another one is not heard.
func (o *outgoing) preview(f *fork, sdp []byte) bool {
	if bytes.Equal(f.sdp, sdp) {
		return f.deal != nil && f.deal.Receive
	}
	n, err := o.accept(sdp)
	if err != nil {
		o.log.Debug("what a trunk says before its answer cannot be heard", "error", err)
		return false
	}
	f.sdp, f.deal = sdp, &n
	if !n.Receive {
		return false
	}
	o.hear(f)
	return true
}

// hear gives a fork the port.
func (o *outgoing) hear(f *fork) {
	if o.told || !o.heard && !f.deal.Receive || o.heard && !f.deal.Format.Same(o.codec) {
		return
	}
	o.codec = f.deal.Format
	o.port.Start(*f.deal)
	if !o.heard {
		o.heard = true
		o.media.Store(o.port)
		o.in.Post(signalling.Event{Kind: signalling.Early, Side: o.side, Connect: o.trunk.EarlyMedia == earlyConnect})
	}
}

// described is what a 2xx has led to: its own description, or that which came
// before in the same dialog (RFC 3261 §13.2.1; Janus PR 936), and which an
// UPDATE may have changed since.
func (o *outgoing) described(res *sipmsg.Response, f *fork) (media.Negotiated, error) {
	before := f != nil && f.deal != nil
	if before && (f.updated || len(res.Body()) == 0) {
		return *f.deal, nil
	}
	n, err := o.accept(res.Body())
	if err != nil && before {
		return *f.deal, nil
	}
	return n, err
}
