package sip

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"roomline/media"
	"roomline/media/offer"
	"roomline/media/port"
	"roomline/signalling"
)

// leg is what an outgoing and an incoming leg have in common. Its exported
// methods only post to its mailbox; all else belongs to its own goroutine.
type leg struct {
	agent  *Agent
	trunk  *trunk
	in     *signalling.Inbox
	side   signalling.Side
	log    *slog.Logger
	mail   *mailbox
	offers []media.Format            // what the far end can speak; set before the leg is known to anyone
	media  atomic.Pointer[port.Port] // what Media shows

	dialog  *dialog
	port    *port.Port
	local   offer.Local // our last description
	said    []byte      // the same as it was sent
	stopped bool        // the far end has given its stream port 0
	codec   media.Format
	agreed  media.Negotiated
	since   time.Time // since when the far end should be heard

	farewell func(signalling.Reason) // ends the far end's part, whatever it is now; nil: nothing to end

	told       bool              // the call said Hangup
	reported   bool              // we said HungUp
	over       bool              // the dialog is at its end
	view       signalling.View   // what the call last showed of the other side
	party      signalling.Party  // who the far end is, as the call knows it
	methods    string            // what the far end's Allow lists; empty: it did not say
	fromChange bool              // it takes another From within the dialog (RFC 4916)
	held       bool              // by the far end
	silent     bool              // and it sends nothing meanwhile
	sure       reliable          // our provisional responses
	foretold   func(request)     // takes the PRACK of a description before the answer; nil: there is none
	given      *media.Negotiated // an answer in another codec than the call was promised, which is asked for first
	unacked    *unacked          // nil: every 2xx of ours has its ACK
	accepted   *unacked          // the latest, with its ACK or without
	reoffer    reoffer
	session    session  // its timer
	digits     digitsIn // of the far end
	noUpdate   bool     // the far end refused an UPDATE in spite of its Allow
	asking     asking

	known       atomic.Pointer[answered] // nil before the answer
	transfer    *transfer                // that we asked for; nil: none is under way
	transferred bool                     // we asked for one before
	referral    *referral                // that the far end asked for
	referrals   int
	replaced    bool // its transfer went well
	parting     *signalling.Reason
	leaving     *time.Timer        // until we say goodbye for that reason
	begun       []*sipmsg.ClientTx // transactions to be ended with the leg
	spent       []spent            // INVITEs of ours that were accepted
	ear         *ear
}

func newLeg(t *trunk, in *signalling.Inbox, side signalling.Side) *leg {
	return &leg{agent: t.agent, trunk: t, in: in, side: side, log: in.Log().With("trunk", t.name), mail: newMailbox(), session: newSession(t)}
}

// Offers implements signalling.Leg.
func (l *leg) Offers() []media.Format { return l.offers }

// Ring implements signalling.Leg.
func (l *leg) Ring() { l.mail.post(toRing{}) }

// Progress implements signalling.Leg.
func (l *leg) Progress(f media.Format, _ bool) { l.mail.post(toProgress{f}) }

// Answer implements signalling.Leg.
func (l *leg) Answer(f media.Format) { l.mail.post(toAnswer{f}) }

// Show implements signalling.Leg. SIP has no word for a microphone that is off.
func (l *leg) Show(v signalling.View) { l.mail.post(toShow{v}) }

// Transfer implements signalling.Leg.
func (l *leg) Transfer(to signalling.Destination) { l.mail.post(toTransfer{to}) }

// Transferred implements signalling.Leg.
func (l *leg) Transferred(r signalling.Reason) { l.mail.post(toTransferee{r}) }

// SendDigit implements signalling.Leg.
func (l *leg) SendDigit(d byte) { l.mail.post(toDigit{d}) }

// Hangup implements signalling.Leg.
func (l *leg) Hangup(r signalling.Reason) { l.mail.post(toHangup{r}) }

// Media implements signalling.Leg.
func (l *leg) Media() media.Endpoint {
	if p := l.media.Load(); p != nil {
		return p
	}
	return nil
}

// open takes an RTP port.
func (l *leg) open() (signalling.Reason, bool) {
	p, err := l.agent.ports.Open()
	if err != nil {
		l.log.Warn("a call found no RTP port", "error", err)
		return signalling.Reason{Cause: signalling.Congestion, Detail: "no RTP port is free"}, false
	}
	l.port = p
	l.convertDigits()
	l.local = offer.Local{Addr: p.Addr(), SessionID: uint64(newSeq()), Version: 1, Policy: l.trunk.policy()}
	l.local.Renew(l.trunk.suites()...)
	if err := l.introduce(); err != nil {
		return signalling.Reason{Cause: signalling.Internal, Detail: err.Error()}, false
	}
	return signalling.Reason{}, true
}

// start lets audio flow as it was agreed. A far end that wants no audio has put
// us on hold; with sendonly it plays something of its own meanwhile, with
// inactive or the RFC 2543 way it does not (RFC 3264 §8.4).
func (l *leg) start(n media.Negotiated) {
	l.agreed, l.codec, l.since = n, n.Format, time.Now()
	l.local.Agreed, l.local.Greeted = n.Protection, n.Handshake
	l.keepNumbers()
	l.port.Start(n)
	hold := !n.Send
	silent := hold && (!n.Receive || n.Remote.Addr().IsUnspecified())
	if hold == l.held && silent == l.silent {
		return
	}
	l.held, l.silent = hold, silent
	e := signalling.Event{Kind: signalling.Resumed, Side: l.side}
	if hold {
		e.Kind, e.Silent = signalling.Held, silent
	}
	l.in.Post(e)
}

func (l *leg) post(k signalling.Kind) { l.in.Post(signalling.Event{Kind: k, Side: l.side}) }

// hungUp reports that the leg ends by itself, unless the call ended it.
func (l *leg) hungUp(r signalling.Reason) {
	l.over = true
	if l.told || l.reported {
		return
	}
	l.reported = true
	l.trunk.learn(r.Cause)
	l.in.Post(signalling.Event{Kind: signalling.HungUp, Side: l.side, Reason: r})
}

// note puts a message on the call's ladder.
func (l *leg) note(sent bool, text string) { l.in.Note(l.trunk.name, sent, text) }

// reply answers a request within the dialog.
func (l *leg) reply(m request, r refusal) {
	l.send(m, l.agent.response(m.Request, r.status, r.phrase, nil), r.headers...)
}

func (l *leg) send(m request, res *sipmsg.Response, headers ...sipmsg.Header) {
	for _, h := range headers {
		res.AppendHeader(h)
	}
	l.note(true, fmt.Sprintf("%s (%s)", statusLine(res), m.Method))
	l.agent.respond(m.tx, res)
}

// begin sends a request and remembers its transaction.
func (l *leg) begin(req *sipmsg.Request, text string, within time.Duration) (*sipmsg.ClientTx, error) {
	tx, err := l.agent.send(req, within)
	if err != nil {
		l.log.Warn("a SIP request was not sent", "method", req.Method, "error", short(err))
		return nil, err
	}
	l.note(true, text)
	l.begun = append(l.begun, tx)
	return tx, nil
}
