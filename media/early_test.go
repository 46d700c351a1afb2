package media

import "testing"

type keeper struct{ got []Packet }

func (k *keeper) WritePacket(p *Packet) error {
	c := *p
	c.Payload = append([]byte(nil), p.Payload...)
	k.got = append(k.got, c)
	return nil
}

func TestEarlyKeepsTheFirstWord(t *testing.T) {
	e, k := NewEarly(3), &keeper{}
	buf := []byte{0}
	for i := range 5 {
		buf[0] = byte(i) // a reader lends its buffer only for the call
		if err := e.WritePacket(&Packet{Sequence: uint16(i), Payload: buf}); err != nil {
			t.Fatal(err)
		}
	}
	e.Open(k)
	_ = e.WritePacket(&Packet{Sequence: 5, Payload: []byte{5}})
	if len(k.got) != 4 {
		t.Fatalf("%d packets came through, want the last three and the new one", len(k.got))
	}
	for i, p := range k.got {
		if p.Sequence != uint16(i+2) || p.Payload[0] != byte(i+2) {
			t.Errorf("packet %d is %d with %v", i, p.Sequence, p.Payload)
		}
	}
}
