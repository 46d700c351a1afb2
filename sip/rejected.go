package sip

import (
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

const (
	maxRejected  = 4096
	rejectedLife = 32 * time.Second // 64*T1: as long as a far end may repeat itself (RFC 3261 §17.1.1.2)
)

// rejectedKey is one INVITE and all its repetitions.
type rejectedKey struct {
	mergeKey
	branch string
}

// rejection is how it was refused.
type rejection struct {
	refusal
	toTag string
	at    time.Time
}

// rejections are the INVITEs that were refused lately. One that is repeated after
// its transaction has ended gets the same answer again, and is no second call.
// There is room for so many, and the oldest make way: no live call is in here.
type rejections struct {
	mu   sync.Mutex
	all  map[rejectedKey]rejection
	ring [maxRejected]rejectedKey
	next int
}

func keyOf(req *sipmsg.Request) rejectedKey {
	return rejectedKey{mergeKey{string(*req.CallID()), tagOf(req.From().Params), req.CSeq().SeqNo}, branchOf(req)}
}

// add remembers a refusal of a new INVITE. A challenge is none: some answer it
// under the number of the request that was challenged.
func (r *rejections) add(req *sipmsg.Request, res *sipmsg.Response) {
	if req.Method != sipmsg.INVITE || req.Destination() != initial || res.StatusCode < 300 || res.StatusCode == 401 || res.StatusCode == 407 {
		return
	}
	k := keyOf(req)
	if len(k.callID)+len(k.fromTag)+len(k.branch) > maxEcho { // what is kept is bounded in bytes, too
		return
	}
	one := rejection{refuse(res.StatusCode, res.Reason), tagOf(req.To().Params), time.Now()}
	for _, name := range [...]string{"retry-after", "reason", "warning", "min-se"} {
		one.headers = append(one.headers, res.GetHeaders(name)...)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.all[k]; !ok {
		delete(r.all, r.ring[r.next])
		r.ring[r.next] = k
		r.next = (r.next + 1) % maxRejected
	}
	r.all[k] = one
}

// again finds how an INVITE was refused before, and makes its To tag the one of
// then, so that all answers are one (RFC 3261 §8.2.6.2).
func (r *rejections) again(req *sipmsg.Request) refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	one, ok := r.all[keyOf(req)]
	if !ok || time.Since(one.at) > rejectedLife {
		return refusal{}
	}
	req.To().Params.Add("tag", one.toTag)
	return one.refusal
}

// exhausted refuses a call that has come through too many hands: we would pass it
// on (RFC 3261 §16.3, RFC 7332 §4). OPTIONS are answered all the same (§11).
func exhausted(req *sipmsg.Request) refusal {
	if mf := req.MaxForwards(); mf != nil && mf.Val() == 0 {
		return refuse(483, "Too Many Hops")
	}
	return refusal{}
}

// hopsOf is how many hops a call may take, as it came; 0 where it does not say.
func hopsOf(req *sipmsg.Request) int {
	if mf := req.MaxForwards(); mf != nil {
		return min(int(mf.Val()), maxHops)
	}
	return 0
}

// maxHops is what a call of ours begins with (RFC 3261 §8.1.1.6).
const maxHops = 70

// limitHops lets a call that was passed on take one hop less than it had, so
// that one which comes back to us again and again ends (RFC 5393, RFC 7332).
func limitHops(req *sipmsg.Request, hops int) {
	if hops > 0 {
		left := sipmsg.MaxForwardsHeader(hops - 1)
		req.ReplaceHeader(&left)
	}
}
