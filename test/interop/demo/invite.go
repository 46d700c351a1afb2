package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	"roomline/test/interop/rig"
)

const byHand = `
Now you. Everything stays up until Ctrl-C, and nothing leaves this machine.

  Open   %s   in this machine's own browser
  Log in as   alice   with the password   %s   (or bob, in another window)
  Dial   030 23125-600   an echo            -601   a voice         -606   a tone
         030 23125-609   rings for ever     -610   is busy         -404   does not exist
         030 23125-608   rings, a tone      -614   sends keys      -615   hangs up on you
  Press Enter here to have a telephone ring alice, or type bob and Enter.

Roomline's log is %s
`

// invite says how to try it by hand, and makes the telephone ring on demand until
// the context ends.
func invite(ctx context.Context, bed *rig.Bed, gateway *rig.Gateway) {
	fmt.Printf(byHand, bed.Page, os.Getenv("BED_PASSWORD"), gateway.Log())
	asked := make(chan string)
	go func() { // ends with the process: a read of the terminal cannot be called back
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			asked <- in.Text()
		}
	}()
	for {
		select {
		case who := <-asked:
			ring(ctx, bed, who)
		case <-ctx.Done():
			fmt.Println("\nTaking everything down.")
			return
		}
	}
}

func ring(ctx context.Context, bed *rig.Bed, who string) {
	to := "+493023125701"
	if who == "bob" {
		to = "+493023125702"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := bed.Originate(ctx, rig.Call{To: to, From: "+493023125850", Name: "A telephone", Do: "speech"}); err != nil {
		fmt.Println("The telephone could not call:", err)
		return
	}
	fmt.Println("A telephone is calling", to)
}
