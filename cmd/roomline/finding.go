package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"roomline/configs"
	"roomline/signalling/matrix"
)

// printFindings writes one line for each, and below it what to do.
func printFindings(w io.Writer, all matrix.Findings) {
	for _, f := range all {
		fmt.Fprintf(w, "%-5s %s: %s\n", f.Grade, f.About, f.Reason)
		for line := range strings.Lines(f.Fix) {
			fmt.Fprintf(w, "        %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
}

// verdict is errFailed if any of the findings is a failure.
func verdict(all matrix.Findings) error {
	if all.Worst() == matrix.Fail {
		return errFailed
	}
	return nil
}

// exposed looks at who can read the secrets that stand in the file itself.
func exposed(file string, cfg *configs.Config) matrix.Findings {
	info, err := os.Stat(file)
	if err != nil || len(cfg.Plain()) == 0 || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	verb := "stands"
	if len(cfg.Plain()) > 1 {
		verb = "stand"
	}
	return matrix.Findings{{About: "configuration", Grade: matrix.Warn, Fix: "chmod 600 " + file,
		Reason: fmt.Sprintf("other users of this machine can read %s (mode %04o), and %s %s in it", file, info.Mode().Perm(), strings.Join(cfg.Plain(), ", "), verb)}}
}
