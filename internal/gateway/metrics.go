package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"roomline/signalling"
	"roomline/signalling/permit"
)

// metrics are what the gateway counts. Every label is one of a fixed set:
// never a number, a user or a call (docs/operations.md lists them all).
type metrics struct {
	calls   *prometheus.CounterVec
	audio   *prometheus.CounterVec
	setup   *prometheus.HistogramVec
	talk    *prometheus.CounterVec
	packets *prometheus.CounterVec
	refused *prometheus.CounterVec
	broken  *prometheus.CounterVec
	moved   *prometheus.CounterVec
}

// gauges are read when somebody asks.
type gauges struct {
	live     func() int
	ports    func() int
	dropped  func() uint64
	broken   func() uint64
	excess   func() uint64
	trunks   func() map[string]string
	enrolled func() map[string]string
	ignored  func() map[string]uint64
	refused  func() uint64
	orders   func() map[string]uint64
	ready    func() error
	veil     func() (state string, states []string)
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "roomline_calls_total",
			Help: "Calls that ended, by direction, trunk and cause."}, []string{"direction", "trunk", "cause"}),
		audio: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "roomline_call_audio_total",
			Help: "Calls that ended, by who was heard."}, []string{"direction", "audio"}),
		setup: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "roomline_call_setup_seconds",
			Help:    "From the invitation until both sides could talk, less the time it rang.",
			Buckets: []float64{.05, .1, .2, .4, .8, 1.6, 3.2, 6.4, 12.8}}, []string{"direction"}),
		talk: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "roomline_talk_seconds_total",
			Help: "Seconds during which two sides were joined."}, []string{"direction", "trunk"}),
		packets: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "roomline_rtp_packets_total",
			Help: "RTP packets of ended calls, by side (caller, called) and fate (received, sent, lost, rejected)."}, []string{"side", "fate"}),
	}
	m.refused = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "roomline_calls_refused_total",
		Help: "Calls that were refused before they began, by cause."}, []string{"cause"})
	m.broken = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "roomline_calls_forbidden_total",
		Help: "Calls that were not allowed, by the rule that they broke."}, []string{"rule"})
	m.moved = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "roomline_calls_transferred_total",
		Help: "Calls that ended and had been transferred."}, []string{"direction"})
	for _, r := range permit.Rules() {
		m.broken.WithLabelValues(r.String()) // there from the start, so that the first one is an increase
	}
	reg.MustRegister(m.refused, m.broken, m.moved, m.calls, m.audio, m.setup, m.talk, m.packets)
	return m
}

// forbid counts a call that broke a rule.
func (m *metrics) forbid(r permit.Rule) { m.broken.WithLabelValues(r.String()).Inc() }

func (m *metrics) count(r signalling.Record) {
	d := string(r.Direction)
	m.calls.WithLabelValues(d, r.Trunk, r.Cause).Inc()
	m.audio.WithLabelValues(d, string(r.Audio)).Inc()
	m.talk.WithLabelValues(d, r.Trunk).Add(float64(r.TalkMS) / 1000)
	if r.Moved != "" {
		m.moved.WithLabelValues(d).Inc()
	}
	if r.Audio != signalling.NotAnswered {
		m.setup.WithLabelValues(d).Observe(float64(r.SetupMS) / 1000)
	}
	m.countPackets("caller", r.Caller)
	m.countPackets("called", r.Called)
}

func (m *metrics) countPackets(side string, a signalling.LegAudio) {
	for fate, n := range map[string]uint64{"received": a.Received, "sent": a.Sent, "lost": a.Lost, "rejected": a.Rejected} {
		m.packets.WithLabelValues(side, fate).Add(float64(n))
	}
}

// register makes the gauges readable by reg.
func (g gauges) register(reg prometheus.Registerer) {
	reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "roomline_calls_live", Help: "Calls that are alive now."},
			func() float64 { return float64(g.live()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "roomline_rtp_ports_free", Help: "RTP port pairs that a call could take now."},
			func() float64 { return float64(g.ports()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "roomline_sip_dropped_total", Help: "SIP packets and connections from addresses that are no trunk's, dropped unread."},
			func() float64 { return float64(g.dropped()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "roomline_sip_malformed_total", Help: "SIP messages from trunks' addresses that made no sense."},
			func() float64 { return float64(g.broken()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "roomline_sip_excess_total", Help: "SIP messages from trunks' addresses that were dropped, because there were too many of their kind."},
			func() float64 { return float64(g.excess()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "roomline_ready", Help: "1 when new calls are taken and the homeserver reaches us."},
			func() float64 { return truth(g.ready() == nil) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "roomline_matrix_refused_total", Help: "Requests to matrix.listen without the token that only the homeserver has."},
			func() float64 { return float64(g.refused()) }),
		trunkGauge{prometheus.NewDesc("roomline_trunk_up", "1 when the trunk answered our last call or OPTIONS, 0 when it did not; absent before the first.", []string{"trunk"}, nil), g.trunks, trunkUp},
		trunkGauge{prometheus.NewDesc("roomline_trunk_registered", "1 while a trunk that registers is registered, 0 while it is not.", []string{"trunk"}, nil), g.enrolled, "registered"},
		stateGauge{prometheus.NewDesc("roomline_matrix_encryption", "1 for what Roomline can do in encrypted rooms now: on, off, unknown, or what the homeserver lacks.", []string{"state"}, nil), g.veil},
		wordCounter{prometheus.NewDesc("roomline_commands_total", "Commands that people gave in rooms.", []string{"command"}, nil), g.orders},
		wordCounter{prometheus.NewDesc("roomline_matrix_ignored_total", "Call events from rooms that had no effect, by their type.", []string{"type"}, nil), g.ignored},
	)
}

// trunkGauge has one value a configured trunk.
type trunkGauge struct {
	desc   *prometheus.Desc
	states func() map[string]string
	good   string // the state that is 1
}

func (t trunkGauge) Describe(ch chan<- *prometheus.Desc) { ch <- t.desc }

func (t trunkGauge) Collect(ch chan<- prometheus.Metric) {
	for name, state := range t.states() {
		if state != trunkUnknown {
			ch <- prometheus.MustNewConstMetric(t.desc, prometheus.GaugeValue, truth(state == t.good), name)
		}
	}
}

// stateGauge is 1 for one state of several.
type stateGauge struct {
	desc *prometheus.Desc
	now  func() (state string, states []string)
}

func (s stateGauge) Describe(ch chan<- *prometheus.Desc) { ch <- s.desc }

func (s stateGauge) Collect(ch chan<- prometheus.Metric) {
	is, states := s.now()
	for _, state := range states {
		ch <- prometheus.MustNewConstMetric(s.desc, prometheus.GaugeValue, truth(state == is), state)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// The words of sip.Agent.TrunkStates; any other is the cause of the last failure.
const (
	trunkUnknown = "unknown"
	trunkUp      = "up"
)
