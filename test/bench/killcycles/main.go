// Command killcycles kills a gateway at random instants, again and again, while
// a homeserver repeats what was not acknowledged, and counts what went wrong:
// a call that rang twice, or one that nobody ended.
//
//	go run -tags goolm ./test/bench/killcycles -n 1000
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"time"
)

func main() {
	n := flag.Int("n", 1000, "how often to kill")
	postgres := flag.String("database", "", "`ADDRESS` of the database; empty: a fresh SQLite file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r, err := run(ctx, *n, *postgres)
	if err == nil {
		r.write(os.Stdout)
		err = r.verdict()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

// result is what was counted.
type result struct {
	Cycles   int
	Invites  int             // placed by the rooms
	Repeated int             // transactions that were sent again
	Rang     int             // calls for which the trunk got an INVITE
	Double   int             // … for which it got two
	Open     int             // calls that the gateway knew, and never ended in the room
	Lost     int             // calls of which nothing came, though they were acknowledged
	Ready    []time.Duration // from the start of the process to its first ping
}

func (r result) verdict() error {
	switch {
	case r.Double > 0 || r.Open > 0:
		return fmt.Errorf("%d calls rang twice, %d were left open", r.Double, r.Open)
	case r.Rang == 0 || r.Repeated == 0:
		return fmt.Errorf("nothing was tried: %d calls rang, %d transactions were repeated", r.Rang, r.Repeated)
	}
	return nil
}

func (r result) write(w io.Writer) {
	slices.Sort(r.Ready)
	fmt.Fprintf(w, "killed %d times; %d invites, %d transactions repeated, %d calls rang\n", r.Cycles, r.Invites, r.Repeated, r.Rang)
	fmt.Fprintf(w, "double calls      %d\n", r.Double)
	fmt.Fprintf(w, "calls left open   %d\n", r.Open)
	fmt.Fprintf(w, "calls lost        %d (acknowledged, and nothing came of them)\n", r.Lost)
	fmt.Fprintf(w, "time to ready     p50 %v, p95 %v, max %v\n", r.at(50), r.at(95), r.at(100))
}

// at is a percentile of the times to ready, which are sorted.
func (r result) at(percent int) time.Duration {
	if len(r.Ready) == 0 {
		return 0
	}
	return r.Ready[(len(r.Ready)-1)*percent/100].Round(time.Millisecond / 10)
}
