package configs

import (
	"bytes"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// given are the keys of the example that have no default.
var given = []string{"matrix.homeserver", "matrix.domain", "trunks.<name>.host", "trunks.<name>.username",
	"trunks.<name>.password", "trunks.<name>.numbers", "routes.inbound[].to", "routes.inbound[].trunk", "routes.inbound[].user",
	"contacts.<name>.name", "contacts.<name>.avatar"}

func TestExampleIsWholeAndEqualsTheDefaults(t *testing.T) {
	if _, err := parse("example.yaml", Example(), source{}); err != nil {
		t.Fatalf("the example does not load: %v", err)
	}
	shown := values(t, Example())
	for _, k := range Keys() {
		if _, ok := shown[k]; !ok {
			t.Errorf("%s is not in the example", k)
		}
	}
	for k, v := range defaultsOf(t) {
		if slices.Contains(Keys(), k) && shown[k] != v && !slices.Contains(given, k) {
			t.Errorf("%s: the example shows %s, the default is %s", k, shown[k], v)
		}
	}
}

// defaultsOf is what the minimal configuration becomes.
func defaultsOf(t *testing.T) map[string]string {
	t.Helper()
	text := strings.ReplaceAll(minimal, "pbx", "asterisk")
	c, err := parse("minimal.yaml", []byte(text), source{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.Effective(&b); err != nil {
		t.Fatal(err)
	}
	return values(t, b.Bytes())
}

// values are the leaves of a YAML text by the paths that Keys gives them.
func values(t *testing.T, text []byte) map[string]string {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	leavesOf(out, "", doc.Content[0])
	return out
}

func leavesOf(out map[string]string, path string, n *yaml.Node) {
	switch {
	case n.Kind == yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if path == "trunks" || path == "rooms" || path == "contacts" || path == "matrix.encryption.confirmed" ||
				path == "permissions" && key != "limits" {
				key = "<name>"
			}
			leavesOf(out, join(path, key), n.Content[i+1])
		}
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode:
		for _, item := range n.Content {
			leavesOf(out, path+"[]", item)
		}
	case n.Kind == yaml.SequenceNode:
		items := make([]string, len(n.Content))
		for i := range n.Content {
			items[i] = n.Content[i].Value
		}
		out[path] = "[" + strings.Join(items, ", ") + "]"
	default:
		out[path] = n.Value
	}
}

func TestKeysAreDescribed(t *testing.T) {
	page := read(t, "../docs/configuration.md")
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]*) \\| [^|]{10,} \\|$").FindAllStringSubmatch(page, -1) {
		rows[m[1]] = strings.Trim(m[2], "`")
	}
	defaults := defaultsOf(t)
	defaults["routes.outbound[].trunk"] = "the only trunk"
	defaults["dialing.allow"] = "country"
	defaults["permissions.<name>"] = "dial` for `matrix.domain"
	for _, k := range Keys() {
		def, ok := rows[k]
		if !ok {
			t.Errorf("%s has no row in docs/configuration.md", k)
		}
		if want := defaults[k]; !slices.Contains(given, k) && def != want && (want != "" && want != "[]" || def != "none") {
			t.Errorf("%s: the page says the default is %q, it is %q", k, def, want)
		}
		delete(rows, k)
	}
	for k := range rows {
		t.Errorf("docs/configuration.md describes %s, which is no key", k)
	}
}

func TestEffective(t *testing.T) {
	c := load(t, strings.Replace(minimal, "host:", `username: u, password: "${SECRET}", realm: "$${a}", host:`, 1))
	var b bytes.Buffer
	if err := c.Effective(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "canary") || !strings.Contains(b.String(), "••••") {
		t.Errorf("the secret is not masked:\n%s", &b)
	}
	again, err := parse("effective.yaml", b.Bytes(), source{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, &b)
	}
	trunk := again.Trunks["pbx"]
	trunk.Password = c.Trunks["pbx"].Password
	again.Trunks["pbx"] = trunk
	c.Trunks["pbx"] = flat(c.Trunks["pbx"])
	again.Trunks["pbx"] = flat(again.Trunks["pbx"])
	c.Routes.Inbound, again.Routes.Inbound = nil, nil
	again.plain = c.plain // what is masked stands in no file
	if !reflect.DeepEqual(c, again) {
		t.Errorf("what is written is not what was read:\n%+v\n%+v", c, again)
	}
}

// flat makes lists that are empty and lists that are not there the same.
func flat(t Trunk) Trunk {
	t.AllowFrom = append([]string{}, t.AllowFrom...)
	return t
}
