package matrix

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	dialplan "roomline/signalling/number"
)

// T62: what people type, as the dial pad passes it on.
func TestNumbersAsTyped(t *testing.T) {
	t.Parallel()
	plan, err := dialplan.New("DE")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(_ *Config, c *Client) {
		if c != nil {
			c.numbers = plan
		}
	})
	for typed, want := range map[string]string{
		"+493023125701": "+493023125701", "00493023125701": "+493023125701", "030 23125701": "+493023125701", "030/23125-701": "+493023125701",
		" 493023125701":  "+493023125701", // the plus that a URL turned into a space
		"+1 800 FLOWERS": "+18003569377", "tel:+493023125701": "+493023125701", "*21#": "*21#", "110": "110", "600": "600",
		"": "", "alice": "", "+": "", "12345678901234567890": "", "\x00": "", "۱۲۳": "123",
	} {
		status, body := r.get(thirdparty + "user/m.protocol.pstn?m.id.phone=" + url.QueryEscape(typed))
		found := fmt.Sprintf(`[{"userid":%q,"protocol":"m.protocol.pstn","fields":{"m.id.phone":%q}}]`, r.c.ghosts.of(want), want)
		if want == "" {
			found = "[]"
		}
		if got := strings.TrimSpace(body); status != http.StatusOK || got != found {
			t.Errorf("%q: %d %s, expected %s", typed, status, got, found)
		}
	}
}

// X10: lookups are limited, and say nothing of whether a number exists or was
// ever called: every number that could be dialled is answered alike.
func TestLookupsAreLimited(t *testing.T) {
	t.Parallel()
	r := newRig(t).meet()
	shape := func(number string) (int, string) {
		status, body := r.get(thirdparty + "user/m.protocol.pstn?m.id.phone=%2B" + number)
		return status, strings.ReplaceAll(body, number, "N")
	}
	known, knownBody := shape("49301234567")
	fresh, freshBody := shape("49301234568")
	if known != fresh || knownBody != freshBody {
		t.Errorf("a known number: %d %s, a fresh one: %d %s", known, knownBody, fresh, freshBody)
	}
	few := &lookup{r.c.ghosts, r.log, newBucket(0, 3)}
	mux := http.NewServeMux()
	few.routes(mux)
	for i := range 6 {
		res := httptest.NewRecorder()
		mux.ServeHTTP(res, httptest.NewRequest(http.MethodGet, fmt.Sprint(thirdparty, "user/m.protocol.pstn?m.id.phone=%2B4930123450", i), nil))
		if limited := res.Code == http.StatusTooManyRequests && strings.Contains(res.Body.String(), "M_LIMIT_EXCEEDED"); limited != (i >= 3) {
			t.Errorf("lookup %d: %d %s", i, res.Code, res.Body)
		}
	}
	if (queries{few}).QueryUser("@tel_49302999999:example.org") {
		t.Error("asking for users goes round the limit")
	}
}
