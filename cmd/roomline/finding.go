package main

import (
	"fmt"
	"os"
	"strings"

	"roomline/configs"
)

// The levels of findings, as they are printed.
const (
	levelOK   = "ok"
	levelWarn = "warn" // it works, but not as well as it could
	levelFail = "FAIL" // calls will not work
)

// finding is one thing that was looked at.
type finding struct {
	Level string   `json:"level"` // ok, warn or FAIL
	About string   `json:"about"` // what was looked at, in a word or two
	Text  string   `json:"text"`  // what was found, and why it matters
	Fix   []string `json:"fix,omitempty"`
}

// String is the finding as it is printed: one line, and those to paste.
func (f finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-5s %s: %s", f.Level, f.About, f.Text)
	for _, line := range f.Fix {
		b.WriteString("\n        " + line)
	}
	return b.String()
}

// verdict is errFailed if any of the findings is a failure.
func verdict(all []finding) error {
	for _, f := range all {
		if f.Level == levelFail {
			return errFailed
		}
	}
	return nil
}

// exposed looks at who can read the secrets that stand in the file itself.
func exposed(file string, cfg *configs.Config) []finding {
	info, err := os.Stat(file)
	if err != nil || len(cfg.Plain()) == 0 || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	verb := "stands"
	if len(cfg.Plain()) > 1 {
		verb = "stand"
	}
	return []finding{{levelWarn, file, fmt.Sprintf("other users of this machine can read it (mode %04o), and %s %s in it",
		info.Mode().Perm(), strings.Join(cfg.Plain(), ", "), verb), []string{"chmod 600 " + file}}}
}
