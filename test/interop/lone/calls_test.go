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
		s.took()
	})
}

func TestPeerCalls(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		s.peerCalls(0, media.PCMU)
		s.flows(true, true)
		s.took()
	})
}
