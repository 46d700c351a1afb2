package turn

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/logging"
	pion "github.com/pion/turn/v3"
	"go.uber.org/goleak"

	"roomline/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = secret.Value("a shared secret of some length")

func config() Config {
	return Config{
		Listen: "127.0.0.1:0", Realm: "example.org", RelayAddress: "127.0.0.1", Secret: key, LowPort: 40000, HighPort: 49999,
		AllowPeers: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	}
}

func start(t *testing.T) *Relay {
	t.Helper()
	r, err := New(config(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return r
}

// client is a TURN client over the given transport.
func client(t *testing.T, r *Relay, network, username, password string) *pion.Client {
	t.Helper()
	var conn net.PacketConn
	var err error
	if network == "udp" {
		conn, err = net.ListenPacket("udp4", "127.0.0.1:0")
	} else {
		var c net.Conn
		if c, err = net.Dial("tcp", r.Addr().String()); err == nil {
			conn = pion.NewSTUNConn(c)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := pion.NewClient(&pion.ClientConfig{
		TURNServerAddr: r.Addr().String(), Conn: conn, Username: username, Password: password,
		LoggerFactory: pionLog{slog.New(slog.DiscardHandler)}, RTO: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); _ = conn.Close() })
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	return c
}

var _ logging.LoggerFactory = pionLog{}

// listen opens a peer at host.
func listen(t *testing.T, host string) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket("udp4", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func receive(t *testing.T, c net.PacketConn, want string) net.Addr {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, from, err := c.ReadFrom(buf)
	if err != nil || string(buf[:n]) != want {
		t.Fatalf("got %q, %v; want %q", buf[:n], err, want)
	}
	return from
}

func TestRelaysBothWays(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			r := start(t)
			username, password := Secret{key}.Credentials("@alice:example.org", time.Minute, time.Now())
			relay, err := client(t, r, network, username, password).Allocate()
			if err != nil {
				t.Fatal(err)
			}
			defer relay.Close()
			peer := listen(t, "127.0.0.1")
			if _, err := relay.WriteTo([]byte("is anybody there"), peer.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			from := receive(t, peer, "is anybody there")
			if from.String() != relay.LocalAddr().String() {
				t.Errorf("came from %v, the relay is %v", from, relay.LocalAddr())
			}
			if port := from.(*net.UDPAddr).Port; port < 40000 || port > 49999 {
				t.Errorf("port %d", port)
			}
			if _, err := peer.WriteTo([]byte("nobody but us"), from); err != nil {
				t.Fatal(err)
			}
			receive(t, relay, "nobody but us")
		})
	}
}

func TestCredentialsRefused(t *testing.T) {
	now := time.Now()
	r := start(t)
	for name, credentials := range map[string]func() (string, string){
		"expired":        func() (string, string) { return Secret{key}.Credentials("alice", -time.Second, now) },
		"another secret": func() (string, string) { return Secret{"another secret"}.Credentials("alice", time.Minute, now) },
		"longer life": func() (string, string) {
			_, p := Secret{key}.Credentials("alice", time.Minute, now)
			return "99999999999:alice", p
		},
		"no expiry": func() (string, string) { return "alice", Secret{key}.password("alice") },
	} {
		t.Run(name, func(t *testing.T) {
			username, password := credentials()
			relay, err := client(t, r, "udp", username, password).Allocate()
			if err == nil {
				relay.Close()
				t.Fatal("admitted")
			}
		})
	}
	if n := r.server.AllocationCount(); n != 0 {
		t.Errorf("%d allocations", n)
	}
}

func TestPeerInsideIsNotReached(t *testing.T) {
	r := start(t)
	username, password := Secret{key}.Credentials("alice", time.Minute, time.Now())
	c := client(t, r, "udp", username, password)
	relay, err := c.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	canary := listen(t, "127.0.0.2")
	if err := c.CreatePermission(canary.LocalAddr()); err == nil {
		t.Error("permission given")
	}
	if _, err := relay.WriteTo([]byte("psst"), canary.LocalAddr()); err == nil {
		t.Error("written")
	}
	// What the relay did take in order arrives after what it must drop.
	peer := listen(t, "127.0.0.1")
	if _, err := relay.WriteTo([]byte("is anybody there"), peer.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	receive(t, peer, "is anybody there")
	if err := canary.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if n, from, err := canary.ReadFrom(make([]byte, 10)); err == nil {
		t.Errorf("the canary heard %d bytes from %v", n, from)
	}
}

func TestPermits(t *testing.T) {
	c := Config{AllowPeers: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for ip, want := range map[string]bool{
		"203.0.113.9": true, "8.8.8.8": true, "2606:4700::1": true, "2002:808:808::1": true,
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "64:ff9b::10.1.2.3": true,
		"10.2.0.1": false, "127.0.0.1": false, "0.0.0.0": false, "169.254.169.254": false, "192.168.1.1": false, "172.31.0.1": false,
		"100.64.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false,
		"::": false, "::1": false, "fe80::1": false, "fd00::1": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::127.0.0.1": false, "::ffff:0:127.0.0.1": false, "64:ff9b::127.0.0.1": false, "64:ff9b:1::127.0.0.1": false,
		"2002:7f00:1::1": false, "2002:c0a8:101::": false, "2001:0:7f00:1::": false, "2001:0:808:808::80ff:fffe": false,
		"2606:4700::5efe:127.0.0.1": false, "2606:4700::200:5efe:192.168.0.1": false,
	} {
		if got := c.permits(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %v", ip, got)
		}
	}
	if c.permits(netip.Addr{}) {
		t.Error("no address at all")
	}
}

// TestCredentialsAreThoseOfHomeservers: an example computed with
// openssl dgst -sha1 -hmac.
func TestCredentialsAreThoseOfHomeservers(t *testing.T) {
	s := Secret{"north"}
	username, password := s.Credentials("@alice:example.org", time.Hour, time.Unix(1700000000, 0))
	if username != "1700003600:@alice:example.org" || password != "6cEh1+OSEPFM5XsksE7KvMgzX1c=" {
		t.Errorf("%s %s", username, password)
	}
	for _, verb := range []string{"%v", "%+v", "%s"} {
		if out := fmt.Sprintf(verb, s); strings.Contains(out, "north") {
			t.Errorf("%s prints %s", verb, out)
		}
	}
}

func TestConfig(t *testing.T) {
	if err := config().Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"listen":        func(c *Config) { c.Listen = "localhost:3478" },
		"realm":         func(c *Config) { c.Realm = "" },
		"secret":        func(c *Config) { c.Secret = "short" },
		"relay_address": func(c *Config) { c.RelayAddress = "::1" },
		"public_ip":     func(c *Config) { c.PublicIP = "0.0.0.0" },
		"low_port":      func(c *Config) { c.LowPort, c.HighPort = 5000, 4000 },
	} {
		c := config()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := New(c, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: started", name)
		}
	}
}
