package main

import (
	"context"
	"embed"
	"os"
	"path/filepath"
	"strings"
)

// conf is an Asterisk that does this work and nothing else: no records, no log.
//
//go:embed asterisk
var conf embed.FS

// asterisk runs the bed's Asterisk on one core.
func asterisk(ctx context.Context, b bed, dir string) (*exchange, error) {
	for _, d := range []string{"etc", "lib/keys", "spool", "run", "log", "cache"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	files, err := conf.ReadDir("asterisk")
	if err != nil {
		return nil, err
	}
	fill := strings.NewReplacer("@PBX@", pbxAddr, "@PBXHOST@", host(pbxAddr), "@CALLER@", host(callerAddr), "@CALLEE@", calleeAddr)
	for _, f := range files {
		text, err := conf.ReadFile("asterisk/" + f.Name())
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "etc", f.Name()), []byte(fill.Replace(string(text))), 0o644); err != nil {
			return nil, err
		}
	}
	for _, stock := range []string{"indications", "udptl", "ccss", "acl", "pjsip_notify", "features"} {
		text, err := os.ReadFile(filepath.Join(b.root, "etc/asterisk", stock+".conf"))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "etc", stock+".conf"), text, 0o644); err != nil {
			return nil, err
		}
	}
	in := func(cmd ...string) []string { return append([]string{b.sidrun, "/usr/sbin/asterisk"}, cmd...) }
	env := append(os.Environ(), "ROOT="+b.root, "RUN="+dir)
	cmd := pinned(ctx, 0, in("-f", "-n", "-C", "/bed/etc/asterisk.conf")...)
	cmd.Env = env
	return started(ctx, "Asterisk", pbxAddr, cmd, func() bool {
		ask := pinned(ctx, 1, in("-C", "/bed/etc/asterisk.conf", "-rx", "core waitfullybooted")...)
		ask.Env = env
		said, err := ask.CombinedOutput()
		return err == nil && strings.Contains(string(said), "fully booted")
	})
}
