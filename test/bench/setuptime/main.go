// Command setuptime measures how long a gateway takes between a homeserver and a
// trunk that are both at hand: from m.call.invite to INVITE, and from 200 to
// m.call.answer. Another build may be measured beside it, call by call, and so
// are calls in encrypted rooms beside calls in plain ones.
//
//	go run -tags goolm ./test/bench/setuptime -n 300 -old ./roomline-before
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"text/tabwriter"
	"time"

	"roomline/test/bench/local"
)

func main() {
	n := flag.Int("n", 300, "how many calls to measure")
	now := flag.String("new", "", "the `PROGRAM` to measure; empty: built from this tree")
	old := flag.String("old", "", "another `PROGRAM`, for comparison")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := measure(ctx, *n, *now, *old, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

// measure compares the builds, and then what encryption costs the newer one.
func measure(ctx context.Context, n int, now, old string, w io.Writer) error {
	dir, err := os.MkdirTemp("", "setuptime-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if now == "" {
		if now, err = local.Build(ctx, dir); err != nil {
			return err
		}
	}
	if err := builds(ctx, n, now, old, dir, w); err != nil {
		return err
	}
	return encryption(ctx, n, now, dir, w)
}

func builds(ctx context.Context, n int, now, old, dir string, w io.Writer) error {
	var all []*series
	for i, program := range []string{now, old} {
		if program == "" {
			continue
		}
		s, err := open(ctx, program, fmt.Sprintf("%s/%d", dir, i), rooms(n), "")
		if err != nil {
			return err
		}
		defer s.close()
		all = append(all, &series{stand: s, name: []string{"new", "old"}[i]})
	}
	return compare(ctx, n, all, w)
}

// encryption compares calls in plain and in encrypted rooms of one gateway. Who
// calls has a device that its owner has signed, as the default policy wants it.
func encryption(ctx context.Context, n int, program, dir string, w io.Writer) error {
	s, err := open(ctx, program, dir+"/encryption", rooms(n), ", encryption: {enabled: true}")
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.meet(ctx); err != nil {
		return err
	}
	return compare(ctx, n, []*series{{stand: s, name: "encrypted", sealed: true}, {stand: s, name: "plain"}}, w)
}

// perTurn is between two calls of a series: one person, as who calls from
// encrypted rooms is here, has 20 encrypted events read in a second, not more.
const perTurn = 125 * time.Millisecond

// compare measures the series in turns, so that what else the machine does
// meanwhile falls on all of them.
func compare(ctx context.Context, n int, all []*series, w io.Writer) error {
	turn := time.NewTicker(perTurn)
	defer turn.Stop()
	for i := -rooms(n); i < n; i++ { // the first call of each room is not measured: rooms are known by then
		for _, s := range all {
			if err := s.call(ctx, i); err != nil {
				return fmt.Errorf("call %d, %s: %w", i, s.name, err)
			}
		}
		select {
		case <-turn.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return table(w, n, all)
}

// rooms is in how many rooms the calls are placed: no user calls so often that
// a default limit stops it.
func rooms(n int) int { return max(n/5, 1) }

// table prints what was measured, in milliseconds.
func table(w io.Writer, n int, series []*series) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%d calls, ms\t\tp50\tp95\tp99\tmax\t\n", n)
	for _, what := range []struct {
		name string
		of   func(int) []time.Duration
	}{
		{"m.call.invite received → INVITE sent", func(i int) []time.Duration { return series[i].out }},
		{"200 OK received → m.call.answer sent", func(i int) []time.Duration { return series[i].back }},
	} {
		var all [][]float64
		for i, s := range series {
			all = append(all, percentiles(what.of(i)))
			row(t, what.name, s.name, "%.2f", all[i])
		}
		if len(all) == 2 {
			ratio := make([]float64, len(all[0]))
			for i := range ratio {
				ratio[i] = all[0][i] / all[1][i]
			}
			row(t, what.name, series[0].name+"/"+series[1].name, "%.2f", ratio)
		}
	}
	return t.Flush()
}

func row(w io.Writer, name, series, format string, values []float64) {
	fmt.Fprintf(w, "%s\t%s\t", name, series)
	for _, v := range values {
		fmt.Fprintf(w, format+"\t", v)
	}
	fmt.Fprintln(w)
}

// percentiles are the 50th, 95th, 99th and the longest, in milliseconds.
func percentiles(d []time.Duration) (ms []float64) {
	d = slices.Clone(d)
	slices.Sort(d)
	for _, p := range []int{50, 95, 99, 100} {
		ms = append(ms, float64(d[(len(d)-1)*p/100].Microseconds())/1000)
	}
	return ms
}
