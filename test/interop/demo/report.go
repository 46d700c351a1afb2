package main

import (
	"fmt"
	"strings"

	"roomline/signalling"
	"roomline/test/interop/rig"
)

const before = `
Two real calls, with nobody at either end: the room plays %d Hz, the phone %d Hz, and what
each end receives is searched for the tone of the other.
`

// verdict is the report in one sentence.
func (r Result) verdict() string {
	switch a, b := r.RoomToPhone.good(), r.PhoneToRoom.good(); {
	case a && b:
		return "Both calls were heard at both ends."
	case a:
		return "The call from the phone to the room was NOT heard at both ends."
	case b:
		return "The call from the room to the phone was NOT heard at both ends."
	}
	return "NEITHER call was heard at both ends."
}

// tell prints one call for a person.
func (s story) tell(r signalling.Record) {
	fmt.Printf("\n%s\n\n", s.title)
	fmt.Printf("  the room hears    %s\n", hearing(s.HeardByRoom, s.inRoom.Tone(phoneTone)))
	fmt.Printf("  the phone hears   %s\n", hearing(s.HeardByPhone, s.phone.Tone(roomTone)))
	fmt.Printf("  set-up            %d ms from the invitation until both could talk", r.SetupMS)
	if r.WaitMS > r.SetupMS {
		fmt.Printf(", and %d ms of ringing", r.WaitMS-r.SetupMS)
	}
	fmt.Printf("\n  codec             %s, passed through; browser %s, over %s\n", r.Codec, s.stats.Codec, s.stats.Remote)
	fmt.Printf("  loss              from the caller %.1f %%, from the called %.1f %%, at the browser %d of %d packets\n",
		r.Caller.LossPercent, r.Called.LossPercent, s.stats.Lost, s.stats.Lost+s.stats.Received)
	fmt.Printf("  in the room       %q\n\n", r.Sentence)
	fmt.Print(ladder(r))
}

func hearing(ok bool, t rig.Tone) string {
	if t.Onset < 0 {
		return "NOTHING of the other"
	}
	said := fmt.Sprintf("%.0f Hz for %.1f s at %.0f dBFS, SNR %.0f dB, longest break %d ms", t.Hz, t.Present.Seconds(), t.Level, t.SNR, t.Longest.Milliseconds())
	if !ok {
		return "BADLY: " + said
	}
	return said
}

// ladder draws a call's messages between three posts, on one time axis.
func ladder(r signalling.Record) string {
	const width = 34
	var b strings.Builder
	fmt.Fprintf(&b, "  %8s   %-*s%-*s%s\n", "ms", width, "Matrix", width, "Roomline", "Asterisk")
	for _, m := range r.Ladder {
		left, right := arrow(m.Text, width-1, !m.Sent), strings.Repeat(" ", width-1)
		if m.Leg != "matrix" {
			left, right = right, arrow(m.Text, width-1, m.Sent)
		}
		fmt.Fprintf(&b, "  %8d   |%s|%s|\n", m.MS, left, right)
	}
	return b.String()
}

// arrow is a message on its way to the right or to the left.
func arrow(text string, width int, right bool) string {
	text = " " + text + " "
	if len(text) > width-3 {
		text = text[:width-3]
	}
	line := strings.Repeat("-", width-2-len(text))
	if right {
		return "-" + text + line + ">"
	}
	return "<" + line + text + "-"
}
