package gateway

import (
	"roomline/signalling"
	"roomline/signalling/number"
	"roomline/signalling/permit"
)

// dialplan routes emergency calls of users to the trunk that takes them,
// whatever the rules for other calls are.
type dialplan struct {
	signalling.Router
	numbers *number.Plan
	trunk   string // empty: none takes them
	may     func(user string, what signalling.Level) bool
}

// router is the dial plan, with a trunk for emergencies if one is named.
func (g *Gateway) router(numbers *number.Plan) signalling.Router {
	trunk, _ := g.cfg.Dialing.Rules().Trunk()
	return dialplan{g.cfg.Routes, numbers, trunk, g.permit.May}
}

// Find implements signalling.Router. A user is rung by name only if the
// permissions know that user: a transfer names whom its asker likes.
func (d dialplan) Find(in signalling.Incoming) (signalling.Target, signalling.Reason, bool) {
	if in.To.User != "" && !d.may(in.To.User, signalling.Receive) {
		return signalling.Target{}, signalling.Reason{Cause: signalling.Forbidden, Detail: "this user is not to be called here"}, false
	}
	emergency := in.Via == signalling.Matrix && d.numbers.IsEmergency(in.To.Number)
	if emergency && d.trunk != "" {
		return signalling.Target{Via: d.trunk, To: in.To, From: in.From}, signalling.Reason{}, true
	}
	target, why, ok := d.Router.Find(in)
	if emergency && !ok { // else permit says so
		why = signalling.Reason{Cause: signalling.Forbidden, Detail: permit.NoEmergency}
	}
	return target, why, ok
}
