package sip

import (
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// maxQuestions is how many requests of ours may wait in one dialog.
const maxQuestions = 16

// question is a request of ours within a dialog that is neither INVITE nor BYE.
type question struct {
	method sipmsg.RequestMethod
	dress  func(*sipmsg.Request)  // adds what is the method's own; it may be called twice
	final  func(*sipmsg.Response) // takes the final response, or nil if none will come; may be nil itself
}

// refers tells whether a REFER is under way.
func (a *asking) refers() bool { return a.tx != nil && a.req.Method == sipmsg.REFER }

// asking sends one question after the other, so that they arrive in the order
// of their CSeq.
type asking struct {
	queue []question // the first is under way while tx is there
	tx    *sipmsg.ClientTx
	req   *sipmsg.Request
	creds credentials
	mute  bool // the latest one had no answer in time
}

func (a *asking) responses() <-chan *sipmsg.Response {
	if a.tx == nil {
		return nil
	}
	return a.tx.Responses()
}

func (a *asking) done() <-chan struct{} {
	if a.tx == nil {
		return nil
	}
	return a.tx.Done()
}

// ask queues a question and sends it when those before it are answered.
func (l *leg) ask(q question) {
	if len(l.asking.queue) >= maxQuestions {
		l.log.Warn("a SIP request was not sent: too many wait for answers", "method", q.method)
		q.finally(nil)
		return
	}
	l.asking.queue = append(l.asking.queue, q)
	l.askNext()
}

func (q question) finally(res *sipmsg.Response) {
	if q.final != nil {
		q.final(res)
	}
}

// askNext sends the first question if none is under way.
func (l *leg) askNext() {
	a := &l.asking
	if a.tx != nil || len(a.queue) == 0 || l.over {
		return
	}
	r := &l.reoffer
	if busy := r.tx != nil || r.timer != nil || l.unacked != nil; busy && a.queue[0].method == sipmsg.REFER {
		return // a session that is just changing is not given away
	}
	a.creds, a.mute = credentials{trunk: l.trunk, within: true}, false
	l.put(nil)
}

// put sends the first question, with credentials once there are any.
func (l *leg) put(auth []sipmsg.Header) {
	a := &l.asking
	q := a.queue[0]
	text := string(q.method)
	a.req = l.dialog.request(q.method)
	q.dress(a.req)
	show(a.req, auth)
	if auth != nil {
		text += " (with credentials)"
	}
	var err error
	if a.tx, err = l.begin(a.req, text, time.Second); err != nil {
		a.tx = nil
		l.closeQuestion(nil)
	}
}

// replied takes a response to the question under way.
func (l *leg) replied(res *sipmsg.Response) {
	if res.IsProvisional() {
		return
	}
	a := &l.asking
	l.note(false, statusLine(res)+" ("+string(a.req.Method)+")")
	l.settled(a.tx, res)
	a.tx = nil
	if res.StatusCode == 401 || res.StatusCode == 407 {
		if auth, err := a.creds.answer(a.req, res); err == nil {
			l.put(auth)
			return
		}
	}
	l.closeQuestion(res)
}

// unreplied is the end of a question that had no answer for 64*T1.
func (l *leg) unreplied() {
	l.asking.mute = timedOut(l.asking.tx)
	l.asking.tx = nil
	l.closeQuestion(nil)
}

func (l *leg) closeQuestion(res *sipmsg.Response) {
	q := l.asking.queue[0]
	l.asking.queue = l.asking.queue[1:]
	q.finally(res)
	l.askNext()
}

// learnMethods remembers what the far end says it handles (RFC 3261 §20.5).
func (l *leg) learnMethods(msg sipmsg.Message) {
	l.fromChange = l.fromChange || lists(msg, fromChange, "supported", "k")
	var all []string
	for _, h := range msg.GetHeaders("allow") {
		all = append(all, h.Value())
	}
	if len(all) > 0 {
		l.methods = strings.ToUpper(strings.Join(all, ","))
	}
}

// allows tells whether the far end said that it handles a method.
func (l *leg) allows(method sipmsg.RequestMethod) bool {
	for _, m := range strings.Split(l.methods, ",") {
		if strings.TrimSpace(m) == string(method) {
			return true
		}
	}
	return false
}
