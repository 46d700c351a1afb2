package configs

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func problemsOf(t *testing.T, name, text string) Problems {
	t.Helper()
	_, err := parse(name, []byte(text), elsewhere())
	var p Problems
	if !errors.As(err, &p) || len(p) == 0 {
		t.Fatalf("no problems, but %v, in\n%s", err, text)
	}
	for _, x := range p {
		if strings.Contains(x.String()+x.Expected+x.Found, "canary") {
			t.Errorf("a secret shows in %s", x)
		}
	}
	return p
}

// TestBroken reads files with everything wrong that was thought of.
func TestBroken(t *testing.T) {
	for _, name := range []string{"broken", "crossed"} {
		got := problemsOf(t, name+".yaml", read(t, "testdata/"+name+".yaml")).Error() + "\n"
		golden := "testdata/" + name + ".golden"
		if *update {
			write(t, golden, got)
		}
		if want := read(t, golden); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestWhereAndWhat(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "x:1:1: matrix.homeserver: expected"},
		{"text", "canary", "x:1:1: expected a section of keys, found a single value"},
		{"list", "- 1", "x:1:1: expected a section of keys, found a list"},
		{"syntax", "matrix:\n  a: b: c", "x:2:3: this is not YAML: mapping values"},
		{"tab", "matrix:\n\ta: b", "x:2:2: this is not YAML"},
		{"bytes", "matrix: \xff\xfe", "x:1:1: this is not YAML"},
		{"two documents", "matrix:\n---\nmatrix:", "x:2:1: expected one YAML document, found a second one"},
		{"alias", "log: {level: &canary info, format: *canary}", "x:1:14: log.level: expected the value itself, found an anchor"},
		{"lost alias", "log: {level: *canary}", "x:1:1: this is not YAML: unknown anchor …"},
		{"bomb", "a: &a [x,x]\nb: &b [*a,*a]", "x:1:1: a: unknown key"},
		{"merge", "log: {<<: {level: info}}", "x:1:7: log.<<: "},
		{"tag", "log: {level: !!binary aW5mbw==}", "x:1:14: log.level: expected the value itself, found a tag"},
		{"key is a list", "[a]: b", "x:1:1: expected a key, found a list"},
		{"section is text", "matrix: canary", "x:1:9: matrix: expected a section of keys, found a single value"},
		{"list is text", "sip: {listen: x}", "x:1:15: sip.listen: expected a list like [a, b], found a single value"},
		{"moved", "matrix: {allow: [b.c]}", "x:1:10: matrix.allow: this key has become `permissions`: write there"},
		{"no level", "permissions: {a.b: dail}", `x:1:20: permissions.a.b: expected none, receive, dial or admin, found "dail"`},
		{"nobody", "permissions:\n  '@alice': dial", `x:2:13: permissions.@alice: expected a user like @alice:example.org, a server like example.org, or "*", found "@alice"`},
		{"no country to allow", "dialing: {allow: [DE, XX]}", `x:1:23: dialing.allow[1]: expected a country like DE or +49`},
		{"no class", "dialing: {deny: [mobile]}", `x:1:18: dialing.deny[0]: expected one of premium, shared-cost`},
		{"no policy", "dialing: {emergency: trunk}", `x:1:22: dialing.emergency: expected block or trunk:NAME, found "trunk"`},
		{"no trunk for emergencies", "trunks: {pbx: {host: h}}\ndialing: {emergency: 'trunk:pbc'}", `x:2:22: dialing.emergency: expected the name of a trunk, found "pbc"; did you mean "pbx"?`},
		{"nobody to block", "dialing: {block: [anonymous, mallet]}", `x:1:30: dialing.block[1]: expected a telephone number as it is dialled in US, found "mallet"`},
		{"no music", "calls: {hold_music: rock}", `x:1:21: calls.hold_music: expected music, silence or the name of a .wav file, found "rock"`},
		{"silent", minimal + "routes: {inbound: [{to: +4930555000, user: '@a:else.org'}]}", "x:4:44: routes.inbound[0].user: expected a user who may be rung, found @a:else.org; write `\"@a:else.org\": receive` under permissions"},
		{"one silent", minimal + "routes: {inbound: [{to: +4930555000, users: ['@a:example.org', '@b:else.org']}]}", "x:4:38: routes.inbound[0].users: expected a user who may be rung, found @b:else.org"},
		{"limit", "permissions: {limits: {calls_per_user: -1}}", `x:1:40: permissions.limits.calls_per_user: expected 0 (without a limit) to 1000, found -1`},
		{"text is a section", "log: {level: {a: b}}", "x:1:14: log.level: expected text, found a section"},
		{"not a duration", "calls: {ring_timeout: 30}", `x:1:23: calls.ring_timeout: expected a duration like 30s or 1h30m, found "30"`},
		{"not a number duration", "calls: {ring_timeout: .nan}", `x:1:23: calls.ring_timeout: expected a duration like 30s or 1h30m, found ".nan"`},
		{"endless duration", "calls: {ring_timeout: 9e99h}", `x:1:23: calls.ring_timeout: expected a duration`},
		{"negative duration", "calls: {ring_timeout: -5s}", `x:1:23: calls.ring_timeout: expected a duration`},
		{"not a number", "calls: {max: many}", `x:1:14: calls.max: expected a whole number, found "many"`},
		{"octal", "calls: {max: 0x10}", `x:1:14: calls.max: expected a whole number, found "0x10"`},
		{"ports", "media: {ports: abc}", `x:1:16: media.ports: expected two port numbers like 20000-29999, found "abc"`},
		{"ports turned round", "media: {ports: 3-2}", `x:1:16: media.ports: expected two port numbers`},
		{"low ports", "media: {ports: 80-90}", `x:1:16: media.ports: expected ports from 1024 to 65535`},
		{"one port", "media: {ports: 3001-3002}", `x:1:16: media.ports: expected ports from 1024 to 65535 with an even one and the next among them, found 3001-3002`},
		{"families", "media: {address: 10.0.0.1, public_ip: '::1'}", `x:1:39: media.public_ip: `},
		{"unset", "log:\n  level: ${NONE}", "x:2:10: log.level: the environment variable NONE is not set"},
		{"unclosed", "log: {level: '${NONE'}", "x:1:14: log.level: expected ${NAME}"},
		{"odd name", "log: {level: '${9}'}", "x:1:14: log.level: expected ${NAME}"},
		{"from the environment", "log: {level: '${WORD}'}", `x:1:14: log.level: expected debug, info, warn or error, found "${WORD}"`},
		{"no file", "trunks: {a: {password: file:none}}", "x:1:24: trunks.a.password: the secret's file cannot be read: /etc/roomline/none: file does not exist"},
		{"empty file", "trunks: {a: {password: file:void}}", "x:1:24: trunks.a.password: the secret's file cannot be read: /etc/roomline/void is empty"},
		{"secret is a list", "trunks: {a: {password: [canary]}}", "x:1:24: trunks.a.password: expected a secret: text, ${VARIABLE} or file:PATH, found a list"},
		{"no number", "trunks:\n  a:\n    host: h\n    numbers: [+4930555000, sales]", `x:4:28: trunks.a.numbers[1]: expected a telephone number as it is dialled in US, found "sales": it has letters`},
		{"foreign number", `routes: {inbound: [{to: 030 23125701, user: "@a:b"}]}`, `x:1:25: routes.inbound[0].to: expected a telephone number as it is dialled in US, found "030 23125701": `},
		{"no such rule", `routes: {outbound: [{match: hello, trunk: a}]}`, `x:1:29: routes.outbound[0].match: expected a telephone number`},
		{"missing", "matrix: {domain: a.b}", `x:1:1: matrix.homeserver: expected an address like http://127.0.0.1:8008, found nothing`},
		{"given, but empty", "matrix: {homeserver: ''}", `x:1:10: matrix.homeserver: expected an address like http://127.0.0.1:8008, found ""`},
		{"borrowed", "calls: {ring_timeout: 1s}", `x:1:23: calls.ring_timeout: expected 10s to 5m`},
		{"ourselves", "trunks: {a: {host: 127.0.0.1}}", `x:1:20: trunks.a.host: expected the trunk's address, found our own: sip.listen[0]`},
		{"ourselves by TLS", "sip: {listen: ['udp://127.0.0.1:5060', 'tls://127.0.0.1:5061'], tls: {certificate: c, key: k}}\ntrunks: {a: {host: 127.0.0.1, transport: tls}}", `x:2:20: trunks.a.host: expected the trunk's address, found our own: sip.listen[1]`},
		{"two on a port", "sip: {listen: ['tcp://127.0.0.1:5060', 'tls://127.0.0.1:5060'], tls: {certificate: c, key: k}}", `x:1:40: sip.listen[1]: expected an address that nothing else takes`},
		{"no certificate", "sip: {listen: ['wss://127.0.0.1:5060']}", `x:1:16: sip.listen[0]: wss://127.0.0.1:5060 needs sip.tls.certificate and sip.tls.key`},
		{"wide letters", "log: {\"日本\": 1, levl: x}", `x:1:16: log.levl: unknown key; did you mean "level"?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := problemsOf(t, "x", c.text)
			for _, p := range all {
				if strings.HasPrefix(p.String(), c.want) {
					return
				}
			}
			t.Errorf("got\n%s\nwant among them\n%s", all.Error(), c.want)
		})
	}
}

// TestToldOnce: a value that two sections use has one problem.
func TestToldOnce(t *testing.T) {
	all := problemsOf(t, "x", minimal+"calls: {ring_timeout: 1s}\nmedia: {connect_timeout: 1h}")
	if len(all) != 2 || all[0].Path != "calls.ring_timeout" || all[1].Path != "media.connect_timeout" {
		t.Errorf("got\n%s", all.Error())
	}
}

// TestHostile: the largest files still end in an answer that can be read.
func TestHostile(t *testing.T) {
	for _, line := range []string{"a:\n", "a: #\n", " ", "- ", "[", "{", "? ", "&a ", ":", "'", "a,\n", "x: {password: \"${SECRET}\", x: 1}\n"} {
		text := strings.Repeat(line, maxFile/4/len(line))
		if n := len(problemsOf(t, "x", text)); n > maxProblems+1 {
			t.Errorf("%d problems for many %q", n, line)
		}
	}
	if got := problemsOf(t, "x", strings.Repeat("a:\n", 250)); got[maxProblems].Text != "and 153 more mistakes" {
		t.Errorf("got %q", got[maxProblems].Text)
	}
}
