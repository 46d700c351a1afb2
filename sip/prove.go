package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/internal/secret"
	"roomline/sip/proof"
)

// Challenge is what a trunk must prove by digest, beside its address, before a
// request of its begins anything here. Without a user name nothing is asked.
type Challenge struct {
	Username   string       `yaml:"username"`
	Password   secret.Value `yaml:"password"`
	Algorithms []string     `yaml:"algorithms"` // of sha-512-256, sha-256 and md5, in order of preference; default sha-256, md5
}

// realm is what we ask credentials for (RFC 3261 §22.1).
const realm = "roomline"

func defaultChallenge() Challenge { return Challenge{Algorithms: []string{"sha-256", "md5"}} }

func (c Challenge) withDefaults() Challenge {
	if len(c.Algorithms) == 0 {
		c.Algorithms = defaultChallenge().Algorithms
	}
	return c
}

// Validate says which field cannot work and why.
func (c Challenge) Validate() error {
	var errs []error
	if c.Password.Set() && c.Username == "" {
		errs = append(errs, errors.New("challenge.username: expected one, because there is a password"))
	}
	if c.Username != "" && !c.Password.Set() {
		errs = append(errs, errors.New("challenge.password: expected one, because there is a username"))
	}
	for i, a := range c.Algorithms {
		if !slices.Contains([]string{"sha-512-256", "sha-256", "md5"}, strings.ToLower(a)) {
			errs = append(errs, fmt.Errorf("challenge.algorithms[%d]: expected sha-512-256, sha-256 or md5, found %q", i, a))
		}
	}
	return errors.Join(errs...)
}

// gate is nil where nothing is asked.
func (c Challenge) gate() *proof.Gate {
	if c.Username == "" {
		return nil
	}
	return proof.New(proof.Config{Realm: realm, Username: c.Username, Password: c.Password.Reveal(), Algorithms: c.Algorithms})
}

// proven are those of the trunks at a request's address that it may speak for:
// an address alone can be forged, so some trunks want a proof as well. Where
// none is left, the request has its answer, and nothing is kept of it, not even
// its transaction. OPTIONS begins nothing, so it needs no proof; a CANCEL or
// ACK could not bring one (RFC 3261 §22.1).
func (a *Agent) proven(req *sipmsg.Request, tx *sipmsg.ServerTx, trunks []*trunk) []*trunk {
	if req.Method == sipmsg.OPTIONS || req.Method == sipmsg.CANCEL {
		return trunks
	}
	if req.Method == sipmsg.MESSAGE || req.Method == sipmsg.INVITE && req.GetHeader("replaces") == nil {
		trunks = []*trunk{choose(trunks, req)}
	}
	var pass []*trunk
	var asks *trunk
	verdict := proof.Proven
	for _, t := range trunks {
		v := t.judge(req)
		if v == proof.Proven {
			pass = append(pass, t)
		} else if asks == nil || v > verdict {
			asks, verdict = t, v
		}
	}
	if len(pass) == 0 {
		a.answerOnce(req, tx, asks.asks(req, verdict))
	}
	return pass
}

// answerOnce answers a request and keeps nothing: a repetition is answered anew,
// with the same tag (RFC 3261 §8.2.7).
func (a *Agent) answerOnce(req *sipmsg.Request, tx *sipmsg.ServerTx, r refusal) {
	defer tx.Terminate()
	res := a.response(req, r.status, r.phrase, nil)
	res.To().Params.Add("tag", a.tagFor(string(*req.CallID()), req.CSeq().Value()))
	for _, h := range r.headers {
		res.AppendHeader(h)
	}
	fit(res)
	to, err := netip.ParseAddrPort(res.Destination())
	if conn, ok := tx.Connection().(*sipmsg.UDPConnection); ok && err == nil {
		if g, ok := conn.PacketConn.(*guardedPackets); ok {
			tx.Terminate() // first, so that it swallows no repetition
			g.say([]byte(res.String()), to)
			return
		}
	}
	if err := tx.Connection().WriteMsg(res); err != nil {
		a.log.Debug("a SIP response was not sent", "status", res.StatusCode, "fault", fmt.Sprintf("%T", err))
	}
}

// judge looks at what a request brings to prove who sends it.
func (t *trunk) judge(req *sipmsg.Request) proof.Verdict {
	if t.gate == nil {
		return proof.Proven
	}
	r := proof.Request{Method: string(req.Method), URI: req.Recipient.String(), User: userIn, Body: req.Body(), Source: sourceOf(req).Addr()}
	for _, h := range req.GetHeaders("authorization") {
		r.Authorization = append(r.Authorization, h.Value())
	}
	return t.gate.Judge(r)
}

// asks is the answer to a request that does not prove who sends it
// (RFC 3261 §22.2, RFC 8760 §2.4).
func (t *trunk) asks(req *sipmsg.Request, v proof.Verdict) refusal {
	if v == proof.Banned {
		return refuse(403, "Forbidden")
	}
	var headers []sipmsg.Header
	for _, c := range t.gate.Challenges(sourceOf(req).Addr(), v == proof.Stale) {
		headers = append(headers, sipmsg.NewHeader("WWW-Authenticate", c))
	}
	return refuse(401, "Unauthorized", headers...)
}

// userIn is the number or user in a URI, "" where there is none.
func userIn(text string) string {
	var uri sipmsg.Uri
	if len(text) > maxURI || sipmsg.ParseUri(text, &uri) != nil {
		return ""
	}
	return userOf(uri)
}
