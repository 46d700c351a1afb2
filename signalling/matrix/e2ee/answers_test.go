package e2ee

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// What nobody asked for, and no client makes, is taken out of an answer, and
// nothing else is.
func TestAnswers(t *testing.T) {
	t.Parallel()
	key := func(keys, uses int, size int) string {
		all, use := map[string]string{}, []string{}
		for i := range keys {
			all[fmt.Sprint("ed25519:", i)] = "k"
		}
		for i := range uses {
			use = append(use, fmt.Sprint("use", i))
		}
		text, _ := json.Marshal(map[string]any{"keys": all, "usage": use, "x": strings.Repeat("x", size)})
		return string(text)
	}
	query := func(device, identity string) string {
		return `{"device_keys":{"@a:x":{"D":{},"E":` + device + `}},"master_keys":{"@a:x":` + identity + `},"self_signing_keys":{"@a:x":{}},"user_signing_keys":{"@a:x":` + identity + `},"failures":{"y":{}}}`
	}
	many := map[string]any{}
	for i := range 2 * maxDevices {
		many[fmt.Sprintf("D%03d", i)] = i
	}
	crowd, _ := json.Marshal(map[string]any{"device_keys": map[string]any{"@a:x": many}})
	few, _ := json.Marshal(len(many) / 2)
	for name, c := range map[string]struct {
		sift                  func(request, answer []byte) []byte
		request, answer, want string // what it has to be, or to contain after "…"
		not                   string
	}{
		"claimed":              {claims, `{"one_time_keys":{"@a:x":{"D":"s"}}}`, `{"one_time_keys":{"@a:x":{"D":1,"E":2},"@b:x":{"D":3}}}`, `{"one_time_keys":{"@a:x":{"D":1},"@b:x":{}}}`, ""},
		"no request":           {claims, `[`, `{"one_time_keys":{"@a:x":{"D":1}}}`, `{"one_time_keys":{"@a:x":{"D":1}}}`, ""},
		"no answer":            {claims, `{}`, `[`, `[`, ""},
		"no answer to a query": {queries, `{}`, `{"device_keys":7}`, `{"device_keys":7}`, ""},
		"as usual":             {queries, `{}`, query(`{"n":1.0,"name":"<&>"}`, key(1, 1, 10)), query(`{"n":1.0,"name":"<&>"}`, key(1, 1, 10)), ""},
		"a huge device":        {queries, `{}`, query(`"`+strings.Repeat("x", maxDeviceKeys)+`"`, `{}`), `…"@a:x":{"D":{}}`, `"E"`},
		"a huge identity":      {queries, `{}`, query(`{}`, key(1, 1, maxIdentityKeys)), `…"E"`, `master_keys`},
		"many keys":            {queries, `{}`, query(`{}`, key(2, 1, 1)), `…"E"`, `user_signing_keys`},
		"many uses":            {queries, `{}`, query(`{}`, key(1, 2, 1)), `…"self_signing_keys":{"@a:x":{}}`, `master_keys`},
		"many devices":         {queries, `{}`, string(crowd), `…"D` + fmt.Sprintf("%03d", maxDevices-1) + `"`, `"D` + string(few) + `"`},
	} {
		got := string(c.sift([]byte(c.request), []byte(c.answer)))
		if part, ok := strings.CutPrefix(c.want, "…"); ok && !strings.Contains(got, part) || !ok && got != c.want || c.not != "" && strings.Contains(got, c.not) {
			t.Errorf("%s: %.300s", name, got)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"one_time_keys":{"@a:x":{"D":"s"}}}`), []byte(`{"one_time_keys":{"@a:x":{"D":1}},"device_keys":{"@a:x":{"D":{}}},"master_keys":{"@a:x":{"usage":["master"]}}}`))
	f.Add([]byte(`{}`), []byte(`{"device_keys":null,"master_keys":{"":null}}`))
	f.Fuzz(func(t *testing.T, request, answer []byte) {
		for _, sift := range []func([]byte, []byte) []byte{claims, queries} {
			if got := sift(request, answer); json.Valid(answer) && !json.Valid(got) {
				t.Errorf("%q became %q", answer, got)
			}
		}
	})
}
