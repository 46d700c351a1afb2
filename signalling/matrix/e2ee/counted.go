package e2ee

import (
	"context"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// left is what the homeserver has left of a device's keys.
type left struct {
	oneTime  int
	fallback bool // one that nobody has used
}

// uploadEvery is within how long the homeserver is asked for the count before
// more is uploaded: what it said may be older than what it got.
const uploadEvery = time.Minute

// Counted takes how many one-time keys the homeserver has left, and which
// fallback keys nobody has used yet (nil: it did not say). It does not wait.
// Counts of devices that are not ours are ignored, and no count makes us upload
// more than is good.
func (d *Devices) Counted(count mautrix.OTKCount, unused []string) {
	user, device := count.UserID.String(), count.DeviceID.String()
	if account := d.cfg.Account; account != nil && user == "" {
		user, device = account.User, account.Device
	}
	said := left{count.SignedCurve25519, unused == nil || slices.Contains(unused, string(id.KeyAlgorithmSignedCurve25519))}
	if said.oneTime >= goal/2 && said.fallback {
		return
	}
	d.enqueue(user, func(box *inbox, r row) bool {
		if r.device != device || r.stage < published {
			return false
		}
		box.left = &said
		return true
	})
}

// refill uploads the keys that are missing.
func (d *Devices) refill(ctx context.Context, dev *device, said left) error {
	dev.account.Lock()
	recent := time.Since(dev.posted) < uploadEvery
	dev.account.Unlock()
	if recent {
		count, err := d.post(ctx, dev, &upload{})
		if err != nil {
			return err
		}
		said = left{count, true}
	}
	missing := goal - min(max(said.oneTime, 0), goal)
	if missing <= goal/2 && said.fallback {
		return nil
	}
	return d.upload(ctx, dev, parcel{oneTime: missing, fallback: !said.fallback})
}
