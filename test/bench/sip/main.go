// Command sip measures how many calls one core sets up and takes down a second,
// from SIP to SIP: SIPp calls SIPp through the gateway as it is shipped, and then
// through Asterisk doing the same work. Every call has its media ports; no audio
// is sent. SIPp and Asterisk are the bed's:
//
//	test/interop/bed/bed install
//	test/interop/bed/bed exec go run -tags goolm ./test/bench/sip
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"text/tabwriter"
	"time"

	"roomline/test/bench/local"
)

// options are what may be changed of a measurement.
type options struct {
	program string
	most    int           // calls a second that are tried
	trial   time.Duration // of each rate
	steady  time.Duration // of the load under which processor and memory are looked at
	rate    int           // of that load
	verbose bool
}

func main() {
	var o options
	flag.StringVar(&o.program, "new", "", "the `PROGRAM` to measure; empty: built from this tree")
	flag.IntVar(&o.most, "most", 4000, "the highest `RATE` of calls a second that is tried")
	flag.DurationVar(&o.trial, "trial", 4*time.Second, "how long each rate is tried")
	flag.DurationVar(&o.steady, "steady", 40*time.Second, "how long the loads last under which processor and memory are looked at, more than the 32 s for which transactions linger; 0: they are not")
	flag.IntVar(&o.rate, "rate", 100, "the `RATE` of that load")
	flag.BoolVar(&o.verbose, "v", false, "tell of each rate that is tried")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

// exchange is a program between two telephones.
type exchange struct {
	name string
	addr string // where it takes calls
	cpu  func() (time.Duration, error)
	rss  func() (int64, error) // in bytes
	stop func()
}

// figures are what was measured of an exchange.
type figures struct {
	rate   int           // the highest without a failed call
	cpu    time.Duration // for one call, at a steady load
	perCPS float64       // MB of memory for each call/s, likewise
}

func measure(ctx context.Context, o options, w io.Writer) error {
	bed, err := findBed()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sip-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.program == "" {
		if o.program, err = local.Build(ctx, dir); err != nil {
			return err
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "SIP to SIP, one of %d cores\tcalls/s, none failed\tms of CPU a call\tMB for each call/s\t\n", runtime.NumCPU())
	var all []figures
	for _, open := range []func() (*exchange, error){
		func() (*exchange, error) { return roomline(ctx, o.program, filepath.Join(dir, "gateway")) },
		func() (*exchange, error) { return asterisk(ctx, bed, filepath.Join(dir, "pbx")) },
	} {
		x, err := open()
		if err != nil {
			return err
		}
		f, err := x.judge(ctx, o, bed, dir)
		x.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		all = append(all, f)
		fmt.Fprintf(table, "%s\t%d\t%.2f\t%.3f\t\n", x.name, f.rate, f.cpu.Seconds()*1000, f.perCPS)
	}
	if all[1].rate > 0 {
		fmt.Fprintf(table, "Roomline/Asterisk\t%.2f\t%.2f\t%.2f\t\n", float64(all[0].rate)/float64(all[1].rate), all[0].cpu.Seconds()/all[1].cpu.Seconds(),
			all[0].perCPS/all[1].perCPS)
	}
	return table.Flush()
}

// judge looks at a steady load first, while the program is as it was started,
// and then finds the highest rate.
func (x *exchange) judge(ctx context.Context, o options, bed bed, dir string) (figures, error) {
	var f figures
	if err := x.steady(ctx, o, bed, dir, &f); err != nil {
		return f, err
	}
	var err error
	f.rate, err = highest(o.most, func(rate int) (bool, error) {
		r, err := bed.load(ctx, dir, x.addr, rate, o.trial)
		if o.verbose {
			fmt.Fprintf(os.Stderr, "%s at %d calls/s: %+v\n", x.name, rate, r)
		}
		return r.carried(), err
	})
	return f, err
}

// steady finds what a call costs at a steady load, and from a lower one before
// it what each call/s more holds on to.
func (x *exchange) steady(ctx context.Context, o options, bed bed, dir string, f *figures) error {
	if o.steady == 0 {
		return nil
	}
	var held [2]int64
	low := max(o.rate/4, 1)
	for i, rate := range [...]int{low, o.rate} {
		start, err1 := x.cpu()
		r, err2 := bed.load(ctx, dir, x.addr, rate, o.steady)
		end, err3 := x.cpu()
		rss, err4 := x.rss()
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			return err
		}
		if o.verbose {
			fmt.Fprintf(os.Stderr, "%s at %d calls/s for %s: %+v, %d MB\n", x.name, rate, o.steady, r, rss/1e6)
		}
		if r.failed > 0 || r.good == 0 {
			return fmt.Errorf("of %d calls/s for %s %d failed", rate, o.steady, r.failed)
		}
		held[i], f.cpu = rss, (end-start)/time.Duration(r.good)
	}
	f.perCPS = float64(held[1]-held[0]) / 1e6 / float64(max(o.rate-low, 1))
	return nil
}
