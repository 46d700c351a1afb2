package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set when a release is built: -ldflags "-X main.version=1.2.3".
var version string

func versionCommand() *cobra.Command {
	return command("version", "Print version and build", func(c *cobra.Command) error {
		_, err := fmt.Fprintln(c.OutOrStdout(), build())
		return err
	})
}

// build is what this binary is, in one line.
func build() string {
	info, _ := debug.ReadBuildInfo() // nil only in a build without modules
	return fmt.Sprintf("roomline %s (%s, %s/%s)", release(version, info), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// release is the version, or else the revision the binary was built from.
func release(version string, info *debug.BuildInfo) string {
	if info == nil {
		info = &debug.BuildInfo{}
	}
	if version == "" {
		version = info.Main.Version
	}
	if version == "" || version == "(devel)" {
		version = "development"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			version += " " + s.Value[:min(len(s.Value), 12)]
		}
		if s.Key == "vcs.modified" && s.Value == "true" {
			version += " modified"
		}
	}
	return version
}
