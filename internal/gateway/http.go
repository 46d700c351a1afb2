package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// status serves /metrics, /healthz, /readyz and /trunks for the operator's machines.
type status struct {
	srv  *http.Server
	done chan struct{} // closed when the server's goroutine has ended
	addr net.Addr
}

// trunkStatus is how one trunk is, in words.
type trunkStatus struct {
	Name         string `json:"name"`
	State        string `json:"state"`                  // as calls and OPTIONS last found it
	Health       string `json:"health,omitempty"`       // of one that is asked by OPTIONS, in words
	Registration string `json:"registration,omitempty"` // of one that registers
}

// serveStatus listens at once, so that a taken address is an error at start.
// It ends by close, which waits for it.
func serveStatus(addr string, reg prometheus.Gatherer, ready func() error, trunks func() []trunkStatus) (*status, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for status requests (http.listen): %w", err)
	}
	s := &status{srv: &http.Server{Handler: statusMux(reg, ready, trunks), ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10},
		done: make(chan struct{}), addr: l.Addr()}
	go func() { // ends when close shuts the server down
		defer close(s.done)
		_ = s.srv.Serve(l)
	}()
	return s, nil
}

func statusMux(reg prometheus.Gatherer, ready func() error, trunks func() []trunkStatus) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /trunks", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(trunks()) // who hung up needs no answer
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	return mux
}

func (s *status) close(ctx context.Context) error {
	err := s.srv.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.srv.Close())
	}
	<-s.done
	return err
}
