package shaken

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func pemOf(certs ...*x509.Certificate) []byte {
	var b []byte
	for _, c := range certs {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

// repository is a server of certificates, and a Library that may ask it.
func repository(t *testing.T, serve http.HandlerFunc) (*Web, string) {
	t.Helper()
	s := httptest.NewTLSServer(serve)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	w := newWeb(roots, func(netip.AddrPort) bool { return true })
	w.patience = time.Minute
	return w, s.URL
}

// A certificate is fetched once, however many ask for it at a time.
func TestFetchedOnce(t *testing.T) {
	ca, key := newCA(t), newKey(t)
	leaf := ca.leaf(&key.PublicKey, time.Hour)
	var asked atomic.Int32
	w, url := repository(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Write(pemOf(leaf, ca.cert))
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			chain, err := w.Find(t.Context(), url+"/a.pem")
			if err != nil || len(chain) != 2 || !chain[0].Equal(leaf) {
				t.Errorf("%d certificates, %v", len(chain), err)
			}
		})
	}
	all.Wait()
	if asked.Load() != 1 || !w.Has(url+"/a.pem") || w.Has(url+"/b.pem") {
		t.Errorf("asked %d times", asked.Load())
	}
}

// What a repository may not do: the failure is kept a while too.
func TestBadRepositories(t *testing.T) {
	var asked atomic.Int32
	w, url := repository(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/good", http.StatusFound)
		case "/large":
			w.Write([]byte(strings.Repeat("x", maxFile+1)))
		case "/broken":
			w.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
		case "/hangs":
			<-r.Context().Done()
		default:
			http.NotFound(w, r)
		}
	})
	for _, path := range []string{"/redirect", "/large", "/broken", "/missing", "/hangs"} {
		if path == "/hangs" {
			w.patience = 2 * time.Second
		}
		for range 2 {
			if _, err := w.Find(t.Context(), url+path); err == nil {
				t.Errorf("%s led to a certificate", path)
			}
		}
	}
	if n := asked.Load(); n != 5 {
		t.Errorf("asked %d times, want once each", n)
	}
	for _, address := range []string{"http" + strings.TrimPrefix(url, "https") + "/good", "ftp://x/y", "https://", ""} {
		if _, err := w.Find(t.Context(), address); err == nil {
			t.Errorf("%q led to a certificate", address)
		}
	}
}

// No stranger makes us knock at our own network's doors.
func TestPrivateAddresses(t *testing.T) {
	for addr, want := range map[string]bool{
		"1.1.1.1:443": true, "1.1.1.1:8443": true, "[2606:4700::1]:443": true, "1.1.1.1:80": false, "1.1.1.1:22": false,
		"127.0.0.1:443": false, "10.1.2.3:443": false, "192.168.0.1:443": false, "172.16.0.1:443": false, "169.254.169.254:443": false,
		"100.64.0.1:443": false, "0.0.0.0:443": false, "255.255.255.255:443": false, "224.0.0.1:443": false, "198.18.0.1:443": false,
		"[::1]:443": false, "[fe80::1]:443": false, "[fd00::1]:443": false, "[::ffff:10.0.0.1]:443": false, "[64:ff9b::a00:1]:443": false, "[::]:443": false,
		"[::7f00:1]:443": false, "[fec0::1]:443": false,
	} {
		if got := public(netip.MustParseAddrPort(addr)); got != want {
			t.Errorf("%s: %t, want %t", addr, got, want)
		}
	}
	if _, err := NewWeb(nil).Find(t.Context(), "https://127.0.0.1:443/x"); err == nil || !strings.Contains(err.Error(), "not fetched from there") {
		t.Errorf("%v", err)
	}
}

func TestLibraryIsBounded(t *testing.T) {
	w := NewWeb(nil)
	for i := range 2 * maxKept {
		if f, mine := w.entry(strings.Repeat("x", i+1), time.Now()); mine {
			w.settle(f, false)
		}
	}
	if len(w.kept) > maxKept {
		t.Errorf("%d are kept", len(w.kept))
	}
	for range maxFetches {
		w.busy <- struct{}{}
	}
	if _, err := w.Find(t.Context(), "https://cert.example.org/x"); err == nil || w.Has("https://cert.example.org/x") {
		t.Errorf("%v", err)
	}
}
