package sip

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// watched is what was read from files, and is read again when one of them
// changes. It may be used from several goroutines.
type watched[T any] struct {
	files []string
	read  func() (T, error)

	mu    sync.Mutex
	stamp []stamp
	last  T
}

// stamp is what a file's change is seen by.
type stamp struct {
	at   time.Time
	size int64
}

// get reads what has changed. Where the new files cannot be read, the last that
// could stay in use, and the error says why.
func (w *watched[T]) get() (T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, err := stamps(w.files)
	if err != nil {
		return w.last, err
	}
	if w.stamp != nil && same(now, w.stamp) {
		return w.last, nil
	}
	read, err := w.read()
	if err != nil {
		return w.last, err
	}
	w.stamp, w.last = now, read
	return read, nil
}

func stamps(files []string) ([]stamp, error) {
	var all []stamp
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		all = append(all, stamp{info.ModTime(), info.Size()})
	}
	return all, nil
}

func same(a, b []stamp) bool {
	for i := range a {
		if !a[i].at.Equal(b[i].at) || a[i].size != b[i].size {
			return false
		}
	}
	return true
}

// pair is a certificate and its key; nil where none is configured.
func pair(certificate, key string) *watched[*tls.Certificate] {
	if certificate == "" {
		return nil
	}
	return &watched[*tls.Certificate]{files: []string{certificate, key}, read: func() (*tls.Certificate, error) {
		c, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("read the certificate %s: %w", certificate, err)
		}
		return &c, nil
	}}
}

// authorities are those of a file; nil where none is configured.
func authorities(name string) *watched[*x509.CertPool] {
	if name == "" {
		return nil
	}
	return &watched[*x509.CertPool]{files: []string{name}, read: func() (*x509.CertPool, error) {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read the authorities %s: %w", name, errNoCertificate)
		}
		return pool, nil
	}}
}

var errNoCertificate = errors.New("it holds no certificate")

// check reads the files for the first time, if there are any.
func (w *watched[T]) check() error {
	if w == nil {
		return nil
	}
	_, err := w.get()
	return err
}
