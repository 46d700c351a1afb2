package gateway

import "github.com/prometheus/client_golang/prometheus"

// wordCounter has one value for each of a few words.
type wordCounter struct {
	desc   *prometheus.Desc
	counts func() map[string]uint64
}

func (c wordCounter) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

func (c wordCounter) Collect(ch chan<- prometheus.Metric) {
	for word, n := range c.counts() {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(n), word)
	}
}
