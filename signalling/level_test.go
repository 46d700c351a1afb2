package signalling

import "testing"

func TestLevelsAreWrittenAsRead(t *testing.T) {
	for _, name := range []string{"none", "receive", "dial", "admin"} {
		var l Level
		if err := l.UnmarshalText([]byte(name)); err != nil || l.String() != name {
			t.Errorf("%s became %v: %v", name, l, err)
		}
	}
	var l Level
	if err := l.UnmarshalText([]byte("root")); err == nil || l != None {
		t.Errorf("an unknown level became %v", l)
	}
}
