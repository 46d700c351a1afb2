package local

import (
	"io"
	"net"
	"net/http"
)

// Homeserver takes whatever it is told at once; more is taught to its Mux.
type Homeserver struct {
	URL  string
	Mux  *http.ServeMux
	Keys *Keys

	pinged chan struct{}
	server *http.Server
}

// NewHomeserver begins to answer; Close ends it.
func NewHomeserver() (*Homeserver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &Homeserver{URL: "http://" + l.Addr().String(), Mux: http.NewServeMux(), pinged: make(chan struct{}, 1)}
	h.Keys = newKeys(h.Mux)
	h.Mux.HandleFunc("POST /_matrix/client/v1/appservice/{id}/ping", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case h.pinged <- struct{}{}:
		default:
		}
		_, _ = io.WriteString(w, `{"duration_ms":1}`)
	})
	h.Mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) })
	h.server = &http.Server{Handler: h.Mux}
	go h.server.Serve(l) // ends with Close
	return h, nil
}

// Close ends it; it may be called twice.
func (h *Homeserver) Close() { _ = h.server.Close() }
