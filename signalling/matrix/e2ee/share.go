package e2ee

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/id"
)

// This file holds to whom the key of a room goes.

// same tells whether a room has a key, which these devices have and no others.
func (d *Devices) same(ctx context.Context, dev *device, room string, to verdicts) bool {
	session, err := dev.store.GetOutboundGroupSession(ctx, id.RoomID(room))
	if err != nil || session == nil || session.Expired() {
		return false
	}
	have, err := d.text(ctx, `SELECT devices FROM e2ee_share WHERE user_id = $1 AND room_id = $2 AND session_id = $3`, dev.user, room, session.ID())
	return err == nil && have == to.digest()
}

// send makes a new key and sends it; those who are refused are told.
func (d *Devices) send(ctx context.Context, dev *device, room string, to verdicts) error {
	if err := dev.store.RemoveOutboundGroupSession(ctx, id.RoomID(room)); err != nil {
		return err
	}
	users := make([]id.UserID, 0, len(to))
	for user := range to {
		users = append(users, user)
	}
	if err := dev.mach.ShareGroupSession(context.WithValue(ctx, verdictsKey{}, to), id.RoomID(room), users); err != nil {
		return err
	}
	session, err := dev.store.GetOutboundGroupSession(ctx, id.RoomID(room))
	if err != nil || session == nil {
		return errors.Join(crypto.ErrNoGroupSession, err)
	}
	_, err = d.part.Exec(ctx, `INSERT INTO e2ee_share (user_id, room_id, session_id, devices) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id, room_id) DO UPDATE SET session_id = excluded.session_id, devices = excluded.devices`,
		dev.user, room, session.ID(), to.digest())
	if err != nil {
		return err
	}
	return d.precede(ctx)
}

// keyHead is how far a new key of an ordinary account goes before what is said
// under it. Synapse brings them in order, Dendrite in none; and matrix-js-sdk takes
// no call event whose key it is given afterwards (43, CallEventHandler), so that
// some would not ring.
const keyHead = 250 * time.Millisecond

func (d *Devices) precede(ctx context.Context) error {
	if d.cfg.Account == nil { // application services encrypt on Synapse only
		return nil
	}
	wait := time.NewTimer(keyHead)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// missing tells whether a device could not be sent a key.
func (d *Devices) missing(ctx context.Context, dev *device, to verdicts) bool {
	for _, devices := range to {
		for _, other := range devices {
			if other.Trust == id.TrustStateVerified && other.IdentityKey != dev.mach.OwnIdentity().IdentityKey && !dev.store.HasSession(ctx, other.IdentityKey) {
				return true
			}
		}
	}
	return false
}

// digest is the same for the same devices with the same verdicts.
func (v verdicts) digest() string {
	var lines []string
	for user, devices := range v {
		for _, dev := range devices {
			lines = append(lines, fmt.Sprintf("%q %q %q %d", user, dev.DeviceID, dev.IdentityKey, dev.Trust))
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}
