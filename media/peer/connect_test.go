package peer

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"roomline/media"
)

// BenchmarkConnect is the time from the moment that both descriptions are known
// to the first audio that could flow, over loopback.
func BenchmarkConnect(b *testing.B) {
	b.Run("browser calls", func(b *testing.B) {
		f := newFactory(b)
		each(b, func() time.Duration {
			far, s := newBrowser(b, webrtc.MimeTypePCMU), newStates()
			p, answer, err := f.Answer(far.offer(b, nil), media.PCMU, s.on)
			if err != nil {
				b.Fatal(err)
			}
			defer closeTwice(b, p)
			defer far.leave()
			begun := time.Now()
			far.remote(b, webrtc.SDPTypeAnswer, answer)
			s.await(b, Connected)
			return time.Since(begun)
		})
	})
	for name, hidden := range map[string]bool{"browser answers": false, "browser answers from an address it does not name": true} {
		b.Run(name, func(b *testing.B) {
			f := newFactory(b)
			each(b, func() time.Duration {
				far, s := newBrowser(b, webrtc.MimeTypePCMU), newStates()
				p, offer, err := f.Offer([]media.Format{media.PCMU}, s.on)
				if err != nil {
					b.Fatal(err)
				}
				defer closeTwice(b, p)
				defer far.leave()
				answer := far.answer(b, offer)
				if hidden {
					answer = strings.ReplaceAll(answer, "a=candidate:", "a=x-candidate:")
				}
				begun := time.Now()
				if err := p.Accept(answer); err != nil {
					b.Fatal(err)
				}
				s.await(b, Connected)
				return time.Since(begun)
			})
		})
	}
}

func each(b *testing.B, connect func() time.Duration) {
	var sum time.Duration
	n := 0
	for b.Loop() {
		sum += connect()
		n++
	}
	b.ReportMetric(float64(sum.Milliseconds())/float64(n), "ms/connection")
}
