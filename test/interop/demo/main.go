// Demo places a call from a room to a phone and one from a phone to a room, tells
// what came of them, and then lets a person try. It is run by test/interop/demo/run.sh.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"roomline/test/interop/rig"
)

func main() {
	once := flag.Bool("once", false, "exit after the report")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	result, err := run(ctx, *once)
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	if *once { // whatever happened, this is the last line
		line, _ := json.Marshal(result) // of booleans, numbers and a name: it cannot fail
		fmt.Println(string(line))
	}
	if err != nil || !result.RoomToPhone.good() || !result.PhoneToRoom.good() {
		os.Exit(1)
	}
}

// run shows the two calls, and invites a person unless it is to happen once.
func run(ctx context.Context, once bool) (result Result, err error) {
	bed, err := rig.Open(ctx)
	if err != nil {
		return result, err
	}
	defer bed.Close()
	starting, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	gateway, err := bed.StartGateway(starting, "", os.Args[len(os.Args)-1])
	if err != nil {
		return result, err
	}
	defer stop(ctx, gateway)
	fmt.Printf(before, roomTone, phoneTone)
	if result, err = twoCalls(ctx, bed, gateway); err != nil {
		return result, fmt.Errorf("it did not get to its end: %w; Roomline's log is %s", err, gateway.Log())
	}
	fmt.Println("\n" + result.verdict())
	if !once {
		invite(ctx, bed, gateway)
	}
	return result, nil
}

// stop ends the gateway, calls and all: a second signal cuts the draining short.
func stop(ctx context.Context, g *rig.Gateway) {
	for range 2 {
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		err := g.Stop(soon)
		cancel()
		if err == nil {
			return
		}
	}
	g.Kill()
}

// Result is the demo's last line.
type Result struct {
	RoomToPhone Outcome `json:"room_to_phone"`
	PhoneToRoom Outcome `json:"phone_to_room"`
}

// Outcome is what came of one call.
type Outcome struct {
	Answered     bool   `json:"answered"`
	HeardByRoom  bool   `json:"heard_by_room"`
	HeardByPhone bool   `json:"heard_by_phone"`
	SetupMS      int64  `json:"setup_ms"`
	Codec        string `json:"codec"`
}

func (o Outcome) good() bool { return o.Answered && o.HeardByRoom && o.HeardByPhone }
