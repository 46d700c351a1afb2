// Command flood measures what junk sent to a gateway's SIP port does to calls
// that are up, to the answers that a trunk waits for, and to memory. Half of the
// junk comes from an address that no trunk has, half from a trunk's own.
//
//	go run -tags goolm ./test/bench/flood
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"roomline/test/bench/local"
)

// options are what may be changed of a measurement.
type options struct {
	program string
	calls   int
	rate    int           // packets of junk a second
	lasts   time.Duration // the flood; a quarter of that is quiet before it
}

func main() {
	var o options
	flag.StringVar(&o.program, "new", "", "the `PROGRAM` to measure; empty: built from this tree")
	flag.IntVar(&o.calls, "calls", 20, "how many calls are up")
	flag.IntVar(&o.rate, "rate", 20000, "`PACKETS` of junk a second")
	flag.DurationVar(&o.lasts, "lasts", 12*time.Second, "how long the flood lasts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

// figures are what was seen during one time.
type figures struct {
	sent, lost int             // packets of audio, both ways
	options    []time.Duration // until OPTIONS were answered
	byes       []time.Duration
	junk       int // packets
}

func measure(ctx context.Context, o options, w io.Writer) error {
	dir, err := os.MkdirTemp("", "flood-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.program == "" {
		if o.program, err = local.Build(ctx, dir); err != nil {
			return err
		}
	}
	caller, err1 := listen("127.8.7.2")
	callee, err2 := listen("127.8.7.3")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	defer caller.close()
	defer callee.close()
	g, err := start(ctx, o.program, dir, caller.addr(), callee.addr())
	if err != nil {
		return err
	}
	defer g.stop()
	return compare(ctx, o, w, g, caller, callee)
}

// compare measures a quiet time, and then a flood.
func compare(ctx context.Context, o options, w io.Writer, g *gateway, caller, callee *phone) error {
	talk := newTalk()
	defer talk.close()
	go callee.answerCalls(talk) // ends with the socket
	for range o.calls {
		if err := caller.call(g.addr, talk); err != nil {
			return err
		}
	}
	go talk.speak() // ends with close
	quiet := caller.observe(ctx, g.addr, talk, o.lasts/4)
	before, err := g.resident()
	if err != nil {
		return err
	}
	junk, err := pour(g.addr, o.rate)
	if err != nil {
		return err
	}
	busy := caller.observe(ctx, g.addr, talk, o.lasts)
	most := g.most()
	busy.byes = caller.hangUp(g.addr)
	busy.junk = junk.stop()
	report(w, o, quiet, busy, most-before, g.logged())
	return ctx.Err()
}

func report(w io.Writer, o options, quiet, busy figures, grown, logged int64) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "%d calls up\tquiet\t%d packets/s of junk\t\n", o.calls, busy.junk/max(1, int(o.lasts.Seconds())))
	fmt.Fprintf(table, "audio lost, of packets\t%d of %d\t%d of %d\t\n", quiet.lost, quiet.sent, busy.lost, busy.sent)
	fmt.Fprintf(table, "OPTIONS answered, p99\t%s\t%s\t\n", p99(quiet.options), p99(busy.options))
	fmt.Fprintf(table, "BYE answered, p99\t\t%s\t\n", p99(busy.byes))
	fmt.Fprintf(table, "memory more, MB\t\t%.1f\t\n", float64(grown)/1e6)
	fmt.Fprintf(table, "log, kB\t\t%.1f\t\n", float64(logged)/1e3)
	_ = table.Flush()
}

// p99 is the time within which 99 of 100 were answered.
func p99(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[(len(sorted)*99-1)/100].Round(10 * time.Microsecond)
}
