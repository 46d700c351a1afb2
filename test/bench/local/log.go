package local

import (
	"bytes"
	"sync"
)

// Log keeps what a program writes, and may be read while it does.
type Log struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write implements io.Writer; it never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}
