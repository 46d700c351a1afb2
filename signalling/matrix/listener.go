package matrix

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"maunium.net/go/mautrix"
)

const (
	maxBody     = 8 << 20 // of a request from the homeserver, in bytes
	httpPatient = 30 * time.Second
)

// listener is where the homeserver reaches us.
type listener struct {
	token   string
	next    http.Handler // the appservice's own routes
	unpack  func(transaction []byte) delivery
	keep    func(context.Context, *delivery) error // told before each transaction is taken
	deliver func(*delivery)                        // told of each transaction once, before its events are taken
	batched func()                                 // told after each transaction, before the next one
	server  *http.Server
	address string
	log     *slog.Logger

	refused *atomic.Uint64 // requests without our token
	warn    *bucket        // for the log line about them

	serving sync.WaitGroup // the server's goroutine
	order   *sync.Mutex    // one transaction at a time; guards latest
	latest  [8]string      // of transactions, so that one that is repeated is delivered once

	gate   sync.RWMutex // held by every request; guards closed
	closed bool
}

func newListener(token string, next http.Handler, log *slog.Logger) *listener {
	l := &listener{token: token, next: next, log: log, refused: new(atomic.Uint64), order: new(sync.Mutex), warn: newBucket(1./60, 1)}
	l.server = &http.Server{Handler: l, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: httpPatient,
		WriteTimeout: httpPatient, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	return l
}

func (l *listener) start(ctx context.Context, address string) error {
	var lc net.ListenConfig
	sock, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen for the homeserver: %w", err)
	}
	l.address = sock.Addr().String()
	l.serving.Go(func() { l.server.Serve(sock) }) // ends with close, which awaits it
	return nil
}

// close lets the requests under way finish, for a moment.
func (l *listener) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if l.server.Shutdown(ctx) != nil {
		l.server.Close()
	}
	l.serving.Wait()
	l.gate.Lock() // waits for the requests
	l.closed = true
	l.gate.Unlock()
}

// ServeHTTP lets nobody in but the homeserver, and keeps its transactions in order.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed || !l.authorised(w, r) {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if r.Method != http.MethodPut || !strings.HasPrefix(r.URL.Path, "/_matrix/app/v1/transactions/") {
		l.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		tooLarge(w, err)
		return
	}
	l.take(w, r, body)
}

// take lets the library have the events of a transaction, and nothing else.
func (l *listener) take(w http.ResponseWriter, r *http.Request, body []byte) {
	d := l.unpack(body)
	events, dropped := readable(d.events)
	if d.events = events; dropped+d.lost > 0 {
		l.log.Warn("dropped what cannot be read", "events", dropped, "to_device", d.lost)
	}
	if err := l.keep(r.Context(), &d); err != nil { // calls that go on have to hear what is in it all the same
		l.log.Error("could not write a transaction down: a sudden end would lose its calls", "error", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(d.events))
	l.order.Lock()
	defer l.order.Unlock()
	defer l.batched()
	defer l.survive(w)
	if l.first(r.URL.Path) {
		l.deliver(&d)
	}
	l.next.ServeHTTP(w, r)
}

// first tells whether a transaction comes for the first time.
func (l *listener) first(name string) bool {
	if slices.Contains(l.latest[:], name) {
		return false
	}
	copy(l.latest[1:], l.latest[:])
	l.latest[0] = name
	return true
}

// survive takes a transaction that the library cannot stand for done: the
// homeserver would repeat it for ever and send nothing else.
func (l *listener) survive(w http.ResponseWriter) {
	if fault := recover(); fault != nil {
		l.log.Error("dropped a transaction that cannot be read", "fault", fault)
		reply(w, struct{}{})
	}
}

// authorised lets in who knows our token (Matrix 1.4, Application Service API,
// "Authorization"), compared in constant time. A stranger could fill the log.
func (l *listener) authorised(w http.ResponseWriter, r *http.Request) bool {
	ok := l.knows(w, r)
	if !ok {
		l.refused.Add(1)
		if l.warn.take() {
			l.log.Warn("refused a request without our hs_token; does the homeserver have the registration file as it is now, and was it restarted since?", "from", r.RemoteAddr)
		}
	}
	return ok
}

func (l *listener) knows(w http.ResponseWriter, r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !ok:
		mautrix.MMissingToken.WithMessage("Missing token").Write(w)
		return false
	case subtle.ConstantTimeCompare([]byte(token), []byte(l.token)) != 1:
		mautrix.MForbidden.WithMessage("Bad token").Write(w)
		return false
	}
	return true
}

func tooLarge(w http.ResponseWriter, err error) {
	var limit *http.MaxBytesError
	if errors.As(err, &limit) {
		mautrix.MTooLarge.WithMessage("The request is larger than 8 MiB").Write(w)
		return
	}
	mautrix.MNotJSON.WithMessage("The request was cut off").Write(w)
}
