package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// webrtcPort is where the gateway has the media of all Matrix clients.
const webrtcPort = "19999"

// Cut takes away the path of all WebRTC media for so long, in both directions,
// and nothing else: packets are dropped as they are sent. It needs a network
// namespace of the bed's own.
func (b *Bed) Cut(ctx context.Context, d time.Duration) error {
	if os.Getenv("BED_NETNS") == "" {
		return errors.New("a path can only be cut in a network namespace: set BED_NETNS")
	}
	// Loopback's own table is asked before all rules; ours have to come before it.
	if err := rules(ctx, "add pref 3 lookup local", "del pref 0 lookup local", "add pref 1 ipproto udp dport "+webrtcPort+" unreachable",
		"add pref 2 ipproto udp sport "+webrtcPort+" unreachable"); err != nil {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return rules(context.WithoutCancel(ctx), "add pref 0 lookup local", "del pref 1", "del pref 2", "del pref 3")
}

func rules(ctx context.Context, lines ...string) error {
	for _, line := range lines {
		out, err := exec.CommandContext(ctx, "ip", append([]string{"rule"}, strings.Fields(line)...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip rule %s: %w: %s", line, err, out)
		}
	}
	return nil
}
