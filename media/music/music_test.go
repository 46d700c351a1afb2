package music

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"roomline/media"
	"roomline/media/codec/g711"
	"roomline/media/codec/g722"
	"roomline/media/codec/opus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var formats = []media.Format{media.PCMU, media.PCMA, media.G722, media.Opus}

func newSet(t testing.TB, opt Options) *Set {
	t.Helper()
	opt.Log = slog.New(slog.DiscardHandler)
	s, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decode turns packets into samples at the rate that the format is fed with.
func decode(t testing.TB, f media.Format, packets [][]byte) (samples []int16, rate int) {
	t.Helper()
	buf := make([]int16, 6*wide/frames)
	rate = narrow
	step := func(p []byte) int { return g711.DecodeULaw(buf, p) }
	switch {
	case f.Same(media.PCMA):
		step = func(p []byte) int { return g711.DecodeALaw(buf, p) }
	case f.Same(media.G722):
		rate = wide
		d := g722.NewDecoder()
		step = func(p []byte) int { return d.Decode(buf, p) }
	case f.Same(media.Opus):
		rate = wide
		d, err := opus.NewDecoder(wide)
		if err != nil {
			t.Fatal(err)
		}
		step = func(p []byte) int {
			n, err := d.Decode(buf, p)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	for _, p := range packets {
		samples = append(samples, buf[:step(p)]...)
	}
	return samples, rate
}

// play collects count packets of a source. It runs in a bubble of synctest.
func play(t testing.TB, s *Source, f media.Format, count int) []media.Packet {
	t.Helper()
	e := make(ear, count)
	stop := s.Play(e, f)
	defer stop()
	list := make([]media.Packet, count)
	for i := range list {
		list[i] = <-e
	}
	return list
}

// ear keeps copies of what it is written, as many as it has room for.
type ear chan media.Packet

func (e ear) WritePacket(p *media.Packet) error {
	q := *p
	q.Payload = bytes.Clone(p.Payload)
	clear(p.Payload) // a sink may
	select {
	case e <- q:
	default:
	}
	return nil
}

func payloads(list []media.Packet) [][]byte {
	out := make([][]byte, len(list))
	for i, p := range list {
		out[i] = p.Payload
	}
	return out
}

// power is the effective level of samples in dBFS.
func power(samples []int16) float64 {
	var sum float64
	for _, s := range samples {
		sum += float64(s) * float64(s)
	}
	return 10 * math.Log10(max(sum/float64(len(samples))/full/full, 1e-12))
}

// goertzel is the level of one frequency in dBFS.
func goertzel(samples []int16, hz float64, rate int) float64 {
	c := 2 * math.Cos(2*math.Pi*hz/float64(rate))
	var a, b float64
	for _, s := range samples {
		a, b = float64(s)/full+c*a-b, a
	}
	n := float64(len(samples))
	return 10 * math.Log10(max(2*(a*a+b*b-c*a*b)/n/n, 1e-12))
}

func TestRingingToneOfEachCountry(t *testing.T) {
	for _, c := range []struct {
		country string
		tones   []float64
		on, all time.Duration
	}{
		{"", []float64{425}, time.Second, 5 * time.Second}, {"de", []float64{425}, time.Second, 5 * time.Second},
		{"US", []float64{440, 480}, 2 * time.Second, 6 * time.Second}, {"FR", []float64{440}, 1500 * time.Millisecond, 5 * time.Second},
	} {
		for _, f := range formats {
			synctest.Test(t, func(t *testing.T) {
				list := play(t, newSource(cadenceOf(c.country).render(), slog.New(slog.DiscardHandler)), f, 2*int(c.all/every))
				samples, rate := decode(t, f, payloads(list))
				period, on := int(c.all.Seconds()*float64(rate)), int(c.on.Seconds()*float64(rate))
				for _, begin := range []int{0, period} {
					burst := samples[begin+rate/20 : begin+on-rate/20]
					for _, hz := range c.tones {
						if db := goertzel(burst, hz, rate); math.Abs(db-(-20-10*math.Log10(float64(len(c.tones))))) > 1 {
							t.Errorf("%s %v: %v Hz at %.1f dBFS", c.country, f, hz, db)
						}
					}
					if db := power(burst); math.Abs(db+20) > 1 {
						t.Errorf("%s %v: the tone has %.1f dBFS", c.country, f, db)
					}
					if db := power(samples[begin+on+rate/20 : begin+period]); db > -60 {
						t.Errorf("%s %v: the pause has %.1f dBFS", c.country, f, db)
					}
				}
			})
		}
	}
}

func TestEveryCadenceIsWholePackets(t *testing.T) {
	for country, c := range cadences {
		if n := len(c.render()); n%(wide/frames) != 0 || len(c.turns)%2 != 0 || n < wide {
			t.Errorf("%s: %d samples in %d turns", country, n, len(c.turns))
		}
	}
}

// TestEachFormatIsTheMelody compares what a party hears with what was made. The
// second time sounds as the first, and where they meet there is no click,
// whatever a decoder remembers of the end.
func TestEachFormatIsTheMelody(t *testing.T) {
	made := melody()
	for _, f := range formats {
		t.Run(f.Name, func(t *testing.T) {
			s := newSource(made, slog.New(slog.DiscardHandler))
			var list []media.Packet
			count := len(s.wide) * frames / wide
			synctest.Test(t, func(t *testing.T) { list = play(t, s, f, count+frames) })
			got, rate := decode(t, f, payloads(list))
			half := count * rate / frames
			if db := power(got[:half]); math.Abs(db+20) > 0.5 {
				t.Errorf("%.1f dBFS", db)
			}
			if r := likeness(s.at(rate), got[:half]); r < 0.99 {
				t.Errorf("likeness %.4f", r)
			}
			if db := power(got[half-rate/20 : half+rate/400]); db > -50 {
				t.Errorf("%.1f dBFS at the seam", db)
			}
			if db := excess(got[:rate], got[half:half+rate]); db > -15 {
				t.Errorf("the second time differs by %.1f dB", db)
			}
		})
	}
}

// excess is how much b differs from a, in dB of a.
func excess(a, b []int16) float64 {
	var noise, signal float64
	for i := range a {
		d := float64(b[i]) - float64(a[i])
		noise, signal = noise+d*d, signal+float64(a[i])*float64(a[i])
	}
	return 10 * math.Log10(max(noise, 1)/signal)
}

// likeness is the best correlation of b with a, which b may follow late.
func likeness(a, b []int16) float64 {
	best := 0.0
	const most = 300
	for late := range most {
		var ab, aa, bb float64
		for i := most; i < min(len(a), len(b)); i += 31 {
			x, y := float64(a[i-late]), float64(b[i])
			ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
		}
		best = max(best, ab/math.Sqrt(aa*bb))
	}
	return best
}

func TestSilenceIsPacketsOfSilence(t *testing.T) {
	silence := newSet(t, Options{}).Silence
	for _, f := range formats {
		synctest.Test(t, func(t *testing.T) {
			got, _ := decode(t, f, payloads(play(t, silence, f, 120)))
			if db := power(got); db > -70 {
				t.Errorf("%v: %.1f dBFS", f, db)
			}
		})
	}
}

func TestAFormatThatIsNotKnownIsSilent(t *testing.T) {
	var out bytes.Buffer
	s := newSource(make([]int16, wide), slog.New(slog.NewTextHandler(&out, nil)))
	e := make(ear, 1)
	for range 2 {
		s.Play(e, media.Format{Name: "iLBC", ClockRate: 8000, Channels: 1})()
	}
	if len(e) != 0 || strings.Count(out.String(), "iLBC") == 0 {
		t.Errorf("%d packets; %s", len(e), out.String())
	}
}
