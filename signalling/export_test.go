package signalling

import "time"

// Hunters shows hunt groups to the conformance suite.
func Hunters(dialler func(name string) (Dialler, bool), end time.Duration) Dialler {
	return hunters{dialler, end}
}
