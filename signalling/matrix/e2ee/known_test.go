package e2ee

import "testing"

// A user has the device that was made for it, and no other has one.
func TestKnownDevice(t *testing.T) {
	t.Parallel()
	r := setUp(t, Config{})
	if device := r.Device(ghost); device != "" {
		t.Errorf("%q before it was made", device)
	}
	if made := r.device(ghost); made == "" || r.Device(ghost) != made {
		t.Errorf("%q, expected %q", r.Device(ghost), made)
	}
}
