// Package local gives benchmarks of the whole program what they need on this machine.
package local

import (
	"context"
	_ "embed" // the offer
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// Offer is what a browser offers in m.call.invite.
//
//go:embed offer.sdp
var Offer string

// Build makes the program as it is shipped, in a folder, and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	out := filepath.Join(dir, "roomline")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "goolm", "-trimpath", "-o", out, "roomline/cmd/roomline")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, said)
	}
	return out, nil
}

// Register has a program write its registration beside a configuration file,
// and returns the token with which its homeserver reaches it.
func Register(ctx context.Context, program, config string) (string, error) {
	if said, err := exec.CommandContext(ctx, program, "registration", "-c", config).CombinedOutput(); err != nil {
		return "", fmt.Errorf("registration: %w\n%s", err, said)
	}
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(config), "registration.yaml"))
	if err != nil {
		return "", err
	}
	token := regexp.MustCompile(`(?m)^hs_token: (\S+)$`).FindSubmatch(raw)
	if token == nil {
		return "", errors.New("the registration has no hs_token")
	}
	return string(token[1]), nil
}

// Free is an address of loopback that nobody uses at this moment, "" where
// there is none.
func Free(network string) string {
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return ""
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return ""
	}
	defer l.Close()
	return l.Addr().String()
}
