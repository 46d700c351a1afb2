package command

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for body, want := range map[string]Command{
		"!dial +49 30 123":     {Verb: Dial, Target: "+49 30 123"},
		"  !CALL 030-123  ":    {Verb: Dial, Target: "030-123"},
		"!dial":                {Verb: Dial},
		`!dial "+49 30 123"`:   {Verb: Dial, Target: "+49 30 123"},
		"!dial “+49 30 123”":   {Verb: Dial, Target: "+49 30 123"},
		"!dial tel:+49-30-123": {Verb: Dial, Target: "tel:+49-30-123"},
		"！ｄｉａｌ　＋４９３０１２３":                    {Verb: Dial, Target: "+4930123"},
		"!dial ٠٣٠\u200e ۱۲۳":               {Verb: Dial, Target: "030 123"},
		"!dial 123\nand something else":     {Verb: Dial, Target: "123"},
		"!hangup":                           {Verb: Hangup},
		"!hangup K3J9":                      {Verb: Hangup, Call: "k3j9"},
		"!hold":                             {Verb: Hold},
		"!resume":                           {Verb: Resume},
		"!unhold":                           {Verb: Resume},
		"!transfer +49 40 1":                {Verb: Transfer, Target: "+49 40 1"},
		"!transfer @bob:example.org --ask":  {Verb: Transfer, Target: "@bob:example.org", Ask: true},
		"!transfer —ask":                    {Verb: Transfer, Ask: true},
		"!forward 1 --ASK":                  {Verb: Transfer, Target: "1", Ask: true},
		"!dtmf 12 34#a":                     {Verb: DTMF, Digits: "1234#A"},
		"!calls":                            {Verb: Calls},
		"!why":                              {Verb: Why},
		"!why abc":                          {Verb: Why, Call: "abc"},
		"!number":                           {Verb: Assign},
		"!number +49 30 1":                  {Verb: Assign, Target: "+49 30 1"},
		"!NUMBER None":                      {Verb: Assign, Target: "None"},
		"!help":                             {Verb: Help},
		"!help !TRANSFER":                   {Verb: Help, Topic: "transfer"},
		"!help call":                        {Verb: Help, Topic: "dial"},
		"!dial " + strings.Repeat("1", 255): {Verb: Dial, Target: strings.Repeat("1", 255)},
	} {
		got, err := Parse(body)
		if err != nil || got != want {
			t.Errorf("%.40q is %+v, %v; expected %+v", body, got, err, want)
		}
	}
}

// Talk is no command, whatever stands in it.
func TestTalk(t *testing.T) {
	for _, body := range []string{"", " ", "!", "!!", "! dial 1", "!1", "hello", "say !dial 1", "\\!dial", "> !hangup", "<b>!dial</b>", strings.Repeat("x", 1<<20)} {
		if c, err := Parse(body); !errors.Is(err, ErrNone) {
			t.Errorf("%.20q is %+v, %v", body, c, err)
		}
	}
}

func TestMistakes(t *testing.T) {
	for body, want := range map[string]string{
		"!transfr 1":                          "There is no !transfr. Did you mean !transfer?",
		"!cal 1":                              "There is no !cal. Did you mean !calls?",
		"!hangpu":                             "There is no !hangpu. Did you mean !hangup?",
		"!ressume":                            "There is no !ressume. Did you mean !resume?",
		"!wyh":                                "There is no !wyh. Did you mean !why?",
		"!xyzzy":                              "There is no !xyzzy. !help lists what there is.",
		"!" + strings.Repeat("x", 99):         "There is no !" + strings.Repeat("x", 32) + "…. !help lists what there is.",
		"!dial 1 --ask":                       "!dial: it has no option --ask. It is written !dial <number>",
		"!dial \"1":                           "A quotation mark is missing.",
		"!dial " + strings.Repeat("1", 256):   "!dial: that is too long. It is written !dial <number>",
		"!dial " + strings.Repeat("1", 1<<16): "That is too long for a command: at most 1000 bytes are read.",
		"!transfer":                           "!transfer: to whom? It is written !transfer <number|@user> [--ask]",
		"!dtmf":                               "!dtmf: which keys? It is written !dtmf <digits>",
		"!dtmf 12x":                           "!dtmf: only 0-9, *, # and A-D are keys. It is written !dtmf <digits>",
		"!dtmf " + strings.Repeat("1", 65):    "!dtmf: at most 64 keys at once. It is written !dtmf <digits>",
		"!hold on":                            "!hold: it takes nothing more. It is written !hold",
		"!hangup a b":                         "!hangup: one call at a time. It is written !hangup [id]",
		"!hangup " + strings.Repeat("a", 65):  "!hangup: that is no call's id. It is written !hangup [id]",
		"!help dail":                          "There is no !dail. Did you mean !dial?",
	} {
		var m Mistake
		if _, err := Parse(body); !errors.As(err, &m) || string(m) != want {
			t.Errorf("%.40q: %v; expected %q", body, err, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for body, want := range map[string]string{"+49 30 1234567": "+49 30 1234567", " (030) 123.45/67 ": "(030) 123.45/67",
		"tel:+49-30-123": "+49-30-123", "＋４９３０１２": "+493012", "1234": "", "see you at 14:30": "", "030 1234567 ext": "",
		"+49 30\n1234567": "", "": "", "49+3012345": "", strings.Repeat("1", 65): ""} {
		if got, ok := Number(body); ok != (want != "") || ok && got != want {
			t.Errorf("%.20q: %q, %v; expected %q", body, got, ok, want)
		}
	}
}

// Who was asked for a number may answer with a short one.
func TestAnswer(t *testing.T) {
	for body, want := range map[string]string{"+49 30 1": "+49 30 1", "600": "600", " 6 ": "6", "": "", "six": "", "600!": "", "600\n1": "", "+": ""} {
		if got, ok := Answer(body); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v", body, got, ok)
		}
	}
}

func TestKnown(t *testing.T) {
	for body, want := range map[string]bool{"!dial": true, " !CALL 1": true, "！ｄｉａｌ": true, "!dtmf x": true, "!weather": false, "dial": false, "": false, "!": false} {
		if Known(body) != want {
			t.Errorf("%q: %v", body, !want)
		}
	}
}

func TestExplain(t *testing.T) {
	all := Explain("", true)
	for v := range verbs {
		if !strings.Contains(all, v.spelling().usage) || !strings.Contains(Explain(v.String(), true), v.spelling().example) {
			t.Errorf("!%v is not explained", v)
		}
		if c, err := Parse(v.spelling().example); err != nil || c.Verb != v {
			t.Errorf("the example %q is %+v, %v", v.spelling().example, c, err)
		}
	}
	if ours := Explain("", false); strings.Contains(ours, "!number ") || !strings.Contains(ours, "!dial ") {
		t.Errorf("an application service explains %q", ours)
	}
	if len(all) > 4000 {
		t.Errorf("!help has %d bytes", len(all))
	}
	if verbs.String() != "unknown" {
		t.Errorf("a verb too many is %q", verbs.String())
	}
}

// FuzzParse: whatever is typed ends in a bounded command, a bounded answer, or is talk.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"!dial +49 30 1", "!transfer \"a b\" --ask", "！ｄｉａｌ　１", "!", "!x\x00\xff", "!dtmf 1\u202e2", "!help help", "! ", "!dial \"", "—ask", "!number none", "600"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if short, ok := Answer(body); ok && len(short) > 64 {
			t.Errorf("a number of %d bytes", len(short))
		}
		if _, long := Number(body); long && Known(body) {
			t.Error("a number and a command")
		}
		c, err := Parse(body)
		var m Mistake
		switch {
		case err == nil && (len(c.Target) > maxTarget || len(c.Digits) > maxDigits || len(c.Call) > maxID || c.Verb >= verbs):
			t.Errorf("%+v", c)
		case errors.As(err, &m) && (m == "" || len(m) > 400):
			t.Errorf("mistake %q", m)
		case err != nil && m == "" && !errors.Is(err, ErrNone):
			t.Errorf("%v", err)
		}
		if err == nil && strings.Trim(c.Digits, "0123456789*#ABCD") != "" {
			t.Errorf("digits %q", c.Digits)
		}
	})
}

// The page lists what there is.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	for v := range verbs {
		s := v.spelling()
		row := "| `" + strings.ReplaceAll(s.usage, "|", `\|`) + "` | " + s.does + " | `" + s.example + "` |"
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/commands.md has no row\n%s", row)
		}
	}
	for word, v := range aliases {
		if !strings.Contains(string(page), "`!"+word+"`") {
			t.Errorf("docs/commands.md does not say that !%s is !%v", word, v)
		}
	}
}
