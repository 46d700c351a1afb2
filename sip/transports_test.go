package sip

import (
	"strings"
	"testing"
)

func TestTransports(t *testing.T) {
	var names []string
	for _, r := range transports {
		names = append(names, r.name)
		if r.reliable != (r.network == "tcp") {
			t.Errorf("%s: a stream is reliable, and nothing else is", r.name)
		}
		if r.secure && !r.outward || r.websocket && !r.outward {
			t.Errorf("%s: its far end keeps to our connection", r.name)
		}
		found, ok := transportOf(strings.ToUpper(r.name))
		if !ok || found != r || Network(r.name) != r.network || DefaultPort(r.name) != r.port {
			t.Errorf("%s: found %+v", r.name, found)
		}
	}
	if want := strings.Join(names[:4], ", ") + " or " + names[4]; want != transportChoices {
		t.Errorf("choices %q, want %q", transportChoices, want)
	}
	if _, ok := transportOf("sctp"); ok || Network("sctp") != "" || DefaultPort("") != 0 {
		t.Error("a transport that does not exist was found")
	}
}
