// Package gateway builds the parts in order and takes them down in reverse.
package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"roomline/configs"
	"roomline/internal/database"
	"roomline/internal/sparse"
	"roomline/media/peer"
	"roomline/media/port"
	"roomline/signalling"
	"roomline/signalling/matrix"
	"roomline/signalling/permit"
	"roomline/sip"
)

// Gateway is one running Roomline.
type Gateway struct {
	cfg    *configs.Config
	log    *slog.Logger
	sparse *slog.Logger // for what outsiders can cause without end

	db       *database.DB
	records  *recordFile
	metrics  *metrics
	registry *prometheus.Registry
	exchange *signalling.Exchange
	started  atomic.Bool // SIP and Matrix are listened to
	ports    *port.Range
	peers    *peer.Factory
	agent    *sip.Agent
	matrix   *matrix.Client
	permit   *permit.Permit
	texts    bool // some trunk takes text messages

	mu   sync.Mutex
	undo []step // what Stop does, last first
}

// step is one thing to take down.
type step struct {
	name string
	do   func(context.Context) error
}

// New makes every part; nothing listens or runs before Start, except that the
// database and the media ports are taken. A gateway that is not started is closed by Stop.
func New(cfg *configs.Config, log *slog.Logger) (*Gateway, error) {
	g := &Gateway{cfg: cfg, log: log, sparse: slog.New(sparse.New(log.Handler())), registry: prometheus.NewRegistry()}
	g.metrics = newMetrics(g.registry)
	if err := g.build(); err != nil {
		return nil, errors.Join(err, g.Stop(context.Background()))
	}
	return g, nil
}

// Start opens every listener and reaches out to the homeserver. When it fails,
// Stop releases what had been opened.
func (g *Gateway) Start(ctx context.Context) error {
	g.gauges().register(g.registry)
	g.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	http, err := serveStatus(g.cfg.HTTP.Listen, g.registry, g.ready, g.trunkStates)
	if err != nil {
		return err
	}
	g.later("status", http.close)
	g.later("calls", func(context.Context) error { g.exchange.Stop(); return nil }) // before the legs' makers close
	if err := g.permit.Start(ctx, g.db); err != nil {
		return err
	}
	if err := g.agent.Start(ctx); err != nil {
		return fmt.Errorf("sip: %w", err)
	}
	if err := g.matrix.Start(ctx); err != nil {
		return fmt.Errorf("matrix: %w", err)
	}
	g.started.Store(true)
	g.log.Info("roomline runs", "sip", g.cfg.SIP.Listen, "matrix", cmp.Or(g.cfg.Matrix.Account.User, g.cfg.Matrix.Listen), "http", g.cfg.HTTP.Listen, "trunks", len(g.cfg.Trunks))
	return nil
}

func (g *Gateway) gauges() gauges {
	return gauges{live: g.exchange.Live, ports: g.ports.Free, dropped: g.agent.Dropped, broken: g.agent.Malformed, excess: g.agent.Excess, trunks: g.agent.TrunkStates, enrolled: g.agent.Registrations, ignored: g.matrix.Ignored, refused: g.matrix.Refused, orders: g.matrix.Commands, ready: g.ready, veil: g.matrix.Encryption}
}

// trunkStates lists the trunks by name.
func (g *Gateway) trunkStates() []trunkStatus {
	list, registered, health := []trunkStatus{}, g.agent.Registrations(), g.agent.TrunkHealth()
	for name, state := range g.agent.TrunkStates() {
		list = append(list, trunkStatus{Name: name, State: state, Health: health[name], Registration: registered[name]})
	}
	slices.SortFunc(list, func(a, b trunkStatus) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// ready says why new calls are not taken, if they are not.
func (g *Gateway) ready() error {
	if !g.started.Load() {
		return errors.New("starting: no calls are taken yet")
	}
	if g.exchange.Draining() {
		return errors.New("draining: no new calls are taken")
	}
	if err := g.db.Ready(context.Background()); err != nil {
		return err
	}
	return g.matrix.Ready()
}

// Drain takes no new calls, ends those that nobody has answered, and returns
// when the others are over, after calls.drain_timeout, or when ctx ends.
func (g *Gateway) Drain(ctx context.Context) {
	g.log.Info("draining", "live", g.exchange.Live(), "at_most", g.cfg.Calls.DrainTimeout.String())
	g.agent.Drain()
	g.matrix.Drain()
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Calls.DrainTimeout)
	defer cancel()
	g.exchange.Drain(ctx)
}

// Stop ends live calls properly on both sides and releases everything, last
// in first out. It may be called twice.
func (g *Gateway) Stop(ctx context.Context) error {
	g.mu.Lock()
	undo := g.undo
	g.undo = nil
	g.mu.Unlock()
	var errs []error
	for _, s := range slices.Backward(undo) {
		if err := s.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}

func (g *Gateway) later(name string, do func(context.Context) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.undo = append(g.undo, step{name, do})
}

// refused is told of every call that was not even begun: too many, or draining.
func (g *Gateway) refused(in signalling.Incoming, why signalling.Reason) {
	g.log.Debug("call refused", "via", in.Via, "cause", why.Cause.String())
	g.metrics.refused.WithLabelValues(why.Cause.String()).Inc()
}

// report is told of every call that ended.
func (g *Gateway) report(r signalling.Record) {
	log := g.log
	if r.EndedBy == "gateway" && r.RingMS == 0 && r.Audio == signalling.NotAnswered { // it went nowhere
		log = g.sparse
	}
	logRecord(log, r)
	g.metrics.count(r)
	g.records.write(r)
}
