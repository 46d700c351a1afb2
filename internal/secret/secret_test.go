package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestNothingPrintsIt(t *testing.T) {
	v := struct{ Password Value }{"canary-7731"}
	j, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v.Password, "s", v)
	out := string(j) + log.String() + fmt.Sprint(v, v.Password) + fmt.Sprintf("%v %+v %#v %s %q", v, v, v, v.Password, v.Password)
	if strings.Contains(out, "canary") {
		t.Errorf("the secret shows in %s", out)
	}
	if v.Password.Reveal() != "canary-7731" {
		t.Error("Reveal lost the text")
	}
}

func TestUnmarshal(t *testing.T) {
	var v struct{ P Value }
	if err := json.Unmarshal([]byte(`{"P":"x"}`), &v); err != nil || v.P.Reveal() != "x" || !v.P.Set() {
		t.Errorf("%v %q", err, v.P.Reveal())
	}
}
