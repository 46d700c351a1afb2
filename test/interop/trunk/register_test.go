//go:build interop

package trunk

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"roomline/test/interop/rig"
)

// account is the gateway's address-of-record at Kamailio, which is also its number.
const account = "+4930111777"

// TestKamailio registers at Kamailio (livekit #524), which stays in the path of
// calls (Record-Route), and which has no memory: a restart of its own and a kill
// of the gateway both leave exactly one binding behind (F3), draining none (F23).
// It is not run beside others, because it restarts Kamailio.
func TestKamailio(t *testing.T) {
	g := open(t, with{limit: 3 * time.Minute, trunks: atKamailio("udp", account)})
	c := g.carrier(3)
	g.registered()
	first := contactsOf(t, account)
	if len(first) != 1 || !strings.Contains(first[0], "@"+g.at(2)+":5060") {
		t.Fatalf("Kamailio has %q", first)
	}
	g.passThrough(c, "to Asterisk", 850)
	t.Run("killed", func(t *testing.T) {
		for range 2 {
			g.Kill()
			<-g.Done()
			g.start()
			g.registered()
			if again := contactsOf(t, account); !slices.Equal(again, first) {
				t.Errorf("Kamailio has %q, and had %q", again, first)
			}
		}
	})
	t.Run("restart", func(t *testing.T) {
		ok(t, bed.Sh(g.ctx, "down", "kamailio"))
		ok(t, bed.Sh(g.ctx, "up", "kamailio"))
		g.until("the registration after Kamailio's restart", func() bool { return len(contactsOf(t, account)) == 1 })
		g.registered()
	})
	g.callIn(c, account)
	t.Run("drained", func(t *testing.T) {
		line, err := c.Dial(g.number(900), "+493012345") // so that the gateway has something to wait for
		ok(t, err)
		ok(t, line.WaitAnswered(g.ctx))
		ok(t, g.Signal(syscall.SIGTERM))
		g.until("the registration to be taken back", func() bool { return len(contactsOf(t, account)) == 0 })
		ok(t, line.Hangup(g.ctx)) // it was still there
		<-g.Done()
	})
}

// TestKamailioOverTCP: the same calls over the connection that we keep.
func TestKamailioOverTCP(t *testing.T) {
	t.Parallel()
	const account = "+4930111778"
	g := open(t, with{trunks: atKamailio("tcp", account)})
	c := g.carrier(3)
	g.registered()
	if all := contactsOf(t, account); len(all) != 1 || !strings.Contains(all[0], ";transport=tcp") {
		t.Errorf("Kamailio has %q", all)
	}
	g.passThrough(c, "to Asterisk", 850)
	g.callIn(c, account)
}

// atKamailio has the trunk a register at Kamailio; b is a scripted carrier.
func atKamailio(transport, account string) string {
	return fmt.Sprintf(`  a:
    host: proxy.test
    outbound_proxy: 127.7.0.6:5060
    transport: %s
    username: gw
    password: %s
    realm: proxy.test
    numbers: [%q]
    register: {enabled: true, user: %q}
  b: {host: "@NET@.3:5060", numbers: ["+4930222"]}
`, transport, os.Getenv("BED_SIP_SECRET"), account, account)
}

// passThrough calls Asterisk by way of Kamailio; the caller's BYE finds its way
// by the route set, for Kamailio passes on no other.
func (g *gate) passThrough(c *rig.Carrier, name string, hz int) {
	g.t.Run(name, func(t *testing.T) {
		line, err := c.Dial(g.number(hz), "+493012345")
		ok(t, err)
		ok(t, line.WaitAnswered(g.ctx))
		phone, err := bed.WaitCall(g.ctx, g.number(hz))
		ok(t, err)
		talk(t, g, line, float64(hz))
		ok(t, line.Hangup(g.ctx))
		heardBy(t, g, phone)
	})
}

// callIn calls the account from Asterisk; Kamailio looks up where it is. The
// gateway's BYE goes back the same way.
func (g *gate) callIn(c *rig.Carrier, account string) {
	g.t.Run("from Asterisk", func(t *testing.T) {
		phone, err := bed.Originate(g.ctx, rig.Call{To: account, From: "+493023125999", Do: "950", Via: "proxy", At: "127.7.0.6:5060"})
		ok(t, err)
		line, err := c.Wait(g.ctx)
		ok(t, err)
		line.Answer()
		_, err = phone.WaitAnswered(g.ctx)
		ok(t, err)
		talk(t, g, line, 950)
		ok(t, line.Hangup(g.ctx))
		heardBy(t, g, phone)
	})
}

// registered waits until the gateway says so, in all three places.
func (g *gate) registered() {
	g.t.Helper()
	g.until("the registration", func() bool {
		text, err := g.Get(g.ctx, "/trunks")
		return err == nil && strings.Contains(text, `"name":"a"`) && strings.Contains(text, `"registration":"registered"`)
	})
	if n, err := g.Metric(g.ctx, `roomline_trunk_registered{trunk="a"}`); err != nil || n != 1 {
		g.t.Errorf("the metric is %v, %v", n, err)
	}
}

// contactsOf are the bindings of the account that Kamailio has, none while it is
// down.
func contactsOf(t *testing.T, account string) []string {
	t.Helper()
	ask := fmt.Sprintf(`{"jsonrpc":"2.0","method":"ul.lookup","params":["location",%q],"id":1}`, account)
	res, err := http.Post("http://"+os.Getenv("BED_PROXY_ADDR")+":5060/rpc", "application/json", strings.NewReader(ask))
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || !json.Valid(body) {
		return nil
	}
	var all []string
	for _, m := range regexp.MustCompile(`"Address":\s*"([^"]+)"`).FindAllSubmatch(body, -1) {
		all = append(all, string(m[1]))
	}
	return all
}
