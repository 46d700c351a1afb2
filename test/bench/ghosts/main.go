// Command ghosts measures what the users of telephone numbers cost a gateway,
// in memory and on the disk, with encryption and without.
//
//	go run -tags goolm ./test/bench/ghosts -n 1000
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"text/tabwriter"
	"time"

	"roomline/test/bench/local"
)

func main() {
	n := flag.Int("n", 1000, "how many numbers")
	program := flag.String("program", "", "the `PROGRAM` to measure; empty: built from this tree")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := measure(ctx, *n, *program, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

func measure(ctx context.Context, n int, program string, w io.Writer) error {
	dir, err := os.MkdirTemp("", "ghosts-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if program == "" {
		if program, err = local.Build(ctx, dir); err != nil {
			return err
		}
	}
	type result struct {
		cost
		err error
	}
	plain := make(chan result, 1)
	go func() { // ends with the measurement; its result is waited for. Both take their time because look-ups are limited
		c, err := live(ctx, n, program, dir+"/plain", "")
		plain <- result{c, err}
	}()
	encrypted, err := live(ctx, n, program, dir+"/encrypted", ", encryption: {enabled: true}")
	beside := <-plain
	if err = errors.Join(err, beside.err); err != nil {
		return err
	}
	return table(w, n, beside.cost, encrypted)
}

// cost is what a gateway has taken, in bytes.
type cost struct {
	idle, memory, again int64 // resident: before the first number, after the last, and when started again
	empty, disk         int64 // the database before and after
	each                time.Duration
}

// live has a gateway make the users of n numbers.
func live(ctx context.Context, n int, program, dir, more string) (c cost, err error) {
	hs, err := local.NewHomeserver()
	if err != nil {
		return c, err
	}
	defer hs.Close()
	started, err := local.NewGateway(ctx, program, dir, hs, "127.0.0.1:5", local.Free("udp"), more)
	if err != nil {
		return c, err
	}
	defer started.Stop()
	g := gateway{started, dir}
	if err := g.ready(ctx, hs, more != ""); err != nil {
		return c, err
	}
	if c.empty, err = g.stopped(program); err != nil {
		return c, err
	}
	if c.idle, err = g.Memory(); err != nil {
		return c, err
	}
	for i := range n {
		took, err := g.lookup(ctx, number(i))
		if err != nil {
			return c, err
		}
		c.each += took / time.Duration(n)
	}
	if c.memory, err = g.Memory(); err != nil {
		return c, err
	}
	if c.disk, err = g.stopped(program); err != nil {
		return c, err
	}
	c.again, err = g.Memory()
	return c, err
}

// lookup tells how long one took, without the time for which it was refused
// because there had been too many.
func (g gateway) lookup(ctx context.Context, number string) (time.Duration, error) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		began := time.Now()
		err := g.Lookup(ctx, number)
		if !errors.Is(err, local.ErrBusy) {
			return time.Since(began), err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// number is the ith of those that are measured.
func number(i int) string { return fmt.Sprintf("+493023125%04d", i) }

// ready waits until the gateway has found that it can encrypt, if it is to: a
// number that is looked up then gets a device.
func (g gateway) ready(ctx context.Context, hs *local.Homeserver, encrypts bool) error {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for encrypts && hs.Keys.Devices("@roomline:example.org") == 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("the gateway does not encrypt: %w", ctx.Err())
		}
	}
	_, err := g.lookup(ctx, number(9999))
	return err
}

// table prints it, for each number and in all.
func table(w io.Writer, n int, plain, encrypted cost) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%d numbers\tplain\tencrypted\tencrypted/plain\t\n", n)
	row := func(what, unit string, of func(cost) float64) {
		a, b := of(plain), of(encrypted)
		fmt.Fprintf(t, "%s, %s\t%.2f\t%.2f\t%.2f\t\n", what, unit, a, b, b/a)
	}
	mega, kilo := func(n int64) float64 { return float64(n) / (1 << 20) }, func(b int64) float64 { return float64(b) / 1024 / float64(n) }
	row("memory before", "MiB", func(c cost) float64 { return mega(c.idle) })
	row("memory after", "MiB", func(c cost) float64 { return mega(c.memory) })
	row("memory when started again", "MiB", func(c cost) float64 { return mega(c.again) })
	row("memory for each", "KiB", func(c cost) float64 { return kilo(c.memory - c.idle) })
	row("database after", "MiB", func(c cost) float64 { return mega(c.disk) })
	row("database for each", "KiB", func(c cost) float64 { return kilo(c.disk - c.empty) })
	row("first look-up of a number", "ms", func(c cost) float64 { return float64(c.each.Microseconds()) / 1000 })
	return t.Flush()
}
