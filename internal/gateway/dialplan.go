package gateway

import (
	"roomline/signalling"
	"roomline/signalling/number"
)

// dialplan routes emergency calls of users to the trunk that takes them,
// whatever the rules for other calls are.
type dialplan struct {
	signalling.Router
	numbers *number.Plan
	trunk   string
}

// router is the dial plan, with a trunk for emergencies if one is named.
func (g *Gateway) router(numbers *number.Plan) signalling.Router {
	if trunk, ok := g.cfg.Dialing.Rules().Trunk(); ok {
		return dialplan{g.cfg.Routes, numbers, trunk}
	}
	return g.cfg.Routes
}

// Find implements signalling.Router.
func (d dialplan) Find(in signalling.Incoming) (signalling.Target, signalling.Reason, bool) {
	if in.Via == signalling.Matrix && d.numbers.IsEmergency(in.To.Number) {
		return signalling.Target{Via: d.trunk, To: in.To, From: in.From}, signalling.Reason{}, true
	}
	return d.Router.Find(in)
}
