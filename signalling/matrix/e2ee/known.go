package e2ee

// Device is the id of the device of one of our users; empty if it has none yet.
func (d *Devices) Device(user string) string {
	r, _ := d.row(user)
	return r.device
}
