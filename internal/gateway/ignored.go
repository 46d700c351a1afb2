package gateway

import "github.com/prometheus/client_golang/prometheus"

// ignoredCounter has one value a type of event.
type ignoredCounter struct {
	desc   *prometheus.Desc
	counts func() map[string]uint64
}

func (c ignoredCounter) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

func (c ignoredCounter) Collect(ch chan<- prometheus.Metric) {
	for eventType, n := range c.counts() {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(n), eventType)
	}
}
