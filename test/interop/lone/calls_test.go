//go:build interop

package lone

import (
	"testing"

	"roomline/media"
)

func TestBrowserCalls(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		s.browserCalls(0, media.Opus)
		s.flows(true, true)
		var took float64
		if err := s.b.evaluate(s.ctx, "(async () => lone.took)()", &took); err != nil {
			t.Fatal(err)
		}
		t.Logf("connected after %.0f ms", took)
	})
}

func TestPeerCalls(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		s.peerCalls(0, media.PCMU)
		s.flows(true, true)
	})
}
