package sip

import (
	"slices"

	sipmsg "github.com/emiago/sipgo/sip"
)

// belongs judges a request within the dialog: both tags, an address of the
// trunk's, and for all but ACK a growing CSeq (RFC 3261 §12.2.2).
func (d *dialog) belongs(req *sipmsg.Request) refusal {
	if d.remote.tag == "" || tagOf(req.From().Params) != d.remote.tag || tagOf(req.To().Params) != d.local.tag ||
		!d.trunk.trusts(sourceOf(req).Addr()) {
		return refuse(481, "Call/Transaction Does Not Exist")
	}
	if req.Method == sipmsg.ACK {
		return refusal{}
	}
	seq := req.CSeq().SeqNo
	if seq <= d.remoteSeq && !(req.Method == sipmsg.NOTIFY && d.recent.missed(seq, d.remoteSeq)) {
		return refuse(500, "CSeq Out Of Order")
	}
	d.remoteSeq = max(d.remoteSeq, seq)
	d.recent.add(seq)
	return refusal{}
}

// recently are the CSeqs of the latest requests. Two NOTIFYs that a far end
// sends at once may change places, on the way or between the library's
// goroutines; the earlier one does no harm then.
type recently struct {
	seqs [8]uint32
	next int
}

func (r *recently) add(seq uint32) {
	r.seqs[r.next] = seq
	r.next = (r.next + 1) % len(r.seqs)
}

// missed tells whether seq should have come just before last, and did not.
func (r *recently) missed(seq, last uint32) bool {
	return last-seq < uint32(len(r.seqs)) && !slices.Contains(r.seqs[:], seq)
}
