package sip

import (
	"errors"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media/offer"
	"roomline/signalling"
)

// short says why a request could not be sent: what the socket said, without
// the library's story about it, which repeats the request's first line.
func short(err error) string {
	for {
		var inner error
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			inner = e.Unwrap()
		case interface{ Unwrap() []error }:
			inner = e.Unwrap()[0]
		}
		if inner == nil {
			return displayName(err.Error())
		}
		err = inner
	}
}

// final reports a refusal.
func (o *outgoing) final(res *sipmsg.Response) {
	why := o.trunk.guess(causeOf(res), res.StatusCode)
	why.Detail += o.moved(res)
	if len(o.hunt.ways) > 0 && res.StatusCode < 600 { // RFC 3261 §8.1.3.4: a 6xx speaks for all of them
		o.hunt.left, o.hunt.failed = nil, &why
		return
	}
	o.refused(why)
}

// refused ends the call for a reason of the far end's.
func (o *outgoing) refused(why signalling.Reason) {
	if !faulty(why.Cause) {
		o.trunk.report("up")
	}
	o.hungUp(why)
}

func faulty(c signalling.Cause) bool {
	return c == signalling.TrunkAuth || c == signalling.TrunkFailure || c == signalling.TrunkUnreachable
}

func answerFault(err error) signalling.Reason {
	if errors.Is(err, offer.ErrNoCommon) {
		return signalling.Reason{Cause: signalling.NoCodec}
	}
	if why, ok := unprotected(err); ok {
		return signalling.Reason{Cause: signalling.MediaFailed, Detail: why}
	}
	return signalling.Reason{Cause: signalling.MediaFailed, Detail: "the trunk's answer holds no audio that fits"}
}
