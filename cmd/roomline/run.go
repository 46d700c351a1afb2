package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"roomline/configs"
	"roomline/internal/gateway"
	"roomline/signalling/matrix"
)

// service is what run needs of the gateway.
type service interface {
	Start(ctx context.Context) error
	Drain(ctx context.Context) // until the calls are over, the configured time is, or ctx ends
	Stop(ctx context.Context) error
}

// program is what the run command works with.
type program struct {
	start   func(*configs.Config, *slog.Logger) (service, error)
	signals func() (signals <-chan os.Signal, release func())
	inspect func(context.Context, matrix.Config) matrix.Findings // asks the homeserver
}

func newGateway(cfg *configs.Config, log *slog.Logger) (service, error) { return gateway.New(cfg, log) }

// notify asks for the signals that end us. Once released they kill, as always.
func notify() (<-chan os.Signal, func()) {
	c := make(chan os.Signal, 2)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	return c, func() { signal.Stop(c) }
}

func (p program) runCommand() *cobra.Command {
	return withFile("run", "Run the gateway until SIGTERM, which lets calls end; a second one ends them", func(c *cobra.Command, file string) error {
		cfg, err := configs.Load(file)
		if err != nil {
			return err
		}
		if version != "" {
			cfg.SIP.Product = "roomline/" + version
		}
		log := logger(cfg.Log, c.ErrOrStderr())
		slog.SetDefault(log) // sipgo writes a few lines there and nowhere else
		g, err := p.start(cfg, log)
		if err != nil {
			return fmt.Errorf("roomline cannot run: %w", err)
		}
		signals, release := p.signals()
		defer release()
		err = serve(g, signals, release, log)
		if cfg.Matrix.Account.User != "" { // who needs no registration
			return err
		}
		return withHint(err, cfg.Matrix.Registration, file)
	})
}

// withHint adds what to do when the gateway lacks the registration file.
func withHint(err error, registration, file string) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, missing := os.Stat(registration); missing == nil {
		return err
	}
	return fmt.Errorf("%w\nWrite it first: roomline registration -c %s", err, file)
}

// stopTime bounds the taking down. It is longer than signalling's deadline
// for two legs to let go.
const stopTime = 45 * time.Second

// serve runs g until a signal, lets calls end until another, and stops g.
func serve(g service, signals <-chan os.Signal, release func(), log *slog.Logger) error {
	draining, now, done := stages(signals, release, log)
	defer done()
	starting, cancel := context.WithCancel(context.Background())
	defer cancel() // only at the end: g may go on using it
	unbind := context.AfterFunc(draining, cancel)
	if err := g.Start(starting); err != nil {
		return errors.Join(fmt.Errorf("roomline cannot start: %w", err), stop(g))
	}
	if unbind() {
		<-draining.Done()
	}
	g.Drain(now)
	if err := stop(g); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

func stop(g service) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	return g.Stop(ctx)
}

// stages are contexts that end with the first and the second signal. A third
// signal, no longer caught, kills. done ends the goroutine and waits for it.
func stages(signals <-chan os.Signal, release func(), log *slog.Logger) (draining, now context.Context, done func()) {
	draining, drain := context.WithCancel(context.Background())
	now, hurry := context.WithCancel(context.Background())
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() { // ends with the second signal or done, which waits
		defer close(ended)
		for _, then := range []func(){drain, hurry} {
			select {
			case s := <-signals:
				log.Info("signal", "signal", s.String())
				then()
			case <-quit:
				return
			}
		}
		release()
	}()
	return draining, now, func() { close(quit); <-ended; drain(); hurry() }
}
