package e2ee

import (
	"context"
	"errors"
	"net/http"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto/signatures"
	"maunium.net/go/mautrix/id"
)

// goal is how many one-time keys the homeserver should have of each device.
const goal = 50

// parcel is what is to be uploaded.
type parcel struct {
	device   bool // the identity keys
	oneTime  int  // how many one-time keys should be new
	fallback bool // a fallback key that nobody has used
}

// upload is POST /keys/upload (Matrix 1.18, "Uploading keys").
type upload struct {
	DeviceKeys   *mautrix.DeviceKeys             `json:"device_keys,omitempty"`
	OneTimeKeys  map[id.KeyID]mautrix.OneTimeKey `json:"one_time_keys,omitempty"`
	FallbackKeys map[id.KeyID]mautrix.OneTimeKey `json:"fallback_keys,omitempty"`
}

// fallbacks is what the library's account can do and does not tell.
type fallbacks interface {
	GenFallbackKey() error
	FallbackKeyUnpublished() map[string]id.Curve25519
}

// upload makes keys, keeps them, and uploads them then: a crash in between
// loses none, and what may have arrived is uploaded again as it was.
func (d *Devices) upload(ctx context.Context, dev *device, p parcel) error {
	body, err := d.pack(ctx, dev, p)
	if err != nil {
		return err
	}
	_, err = d.post(ctx, dev, body)
	var refused mautrix.HTTPError
	if err != nil && !(errors.As(err, &refused) && refused.IsStatus(http.StatusBadRequest)) {
		return err
	}
	// Keys that are refused are not uploaded again: after the database was put
	// back the homeserver has others under these names.
	dev.account.Lock()
	defer dev.account.Unlock()
	account := dev.mach.GetAccount()
	account.Internal.MarkKeysAsPublished()
	account.Shared = account.Shared || err == nil
	dev.posted = time.Now()
	return errors.Join(err, dev.store.PutAccount(ctx, account))
}

// errLost says that the homeserver does not know a device of ours any more: an
// administrator has deleted it, perhaps.
var errLost = mautrix.RespError{ErrCode: "M_UNKNOWN_DEVICE"}

// lost lets Ensure make a device again that the homeserver has lost.
func (d *Devices) lost(ctx context.Context, dev *device, err error) {
	if r, ok := d.row(dev.user); ok && errors.Is(err, errLost) && r.device == dev.row.device {
		r.stage = named
		d.trouble("note that a device is lost", d.setRow(ctx, dev.user, r))
	}
}

// post tells how many one-time keys the homeserver has then.
func (d *Devices) post(ctx context.Context, dev *device, body *upload) (left int, err error) {
	client := dev.mach.Client
	var res mautrix.RespUploadKeys
	_, err = client.MakeRequest(ctx, http.MethodPost, client.BuildClientURL("v3", "keys", "upload"), body, &res)
	return res.OneTimeKeyCounts.SignedCurve25519, err
}

// pack makes the keys that are missing. Keys that were made before, and were
// perhaps not uploaded, go along.
func (d *Devices) pack(ctx context.Context, dev *device, p parcel) (*upload, error) {
	dev.account.Lock()
	defer dev.account.Unlock()
	account := dev.mach.GetAccount()
	waiting, err := account.Internal.OneTimeKeys()
	if err != nil {
		return nil, err
	}
	if n := p.oneTime - len(waiting); n > 0 {
		if err := account.Internal.GenOneTimeKeys(uint(n)); err != nil {
			return nil, err
		}
	}
	spare, able := account.Internal.(fallbacks)
	if able && p.fallback && len(spare.FallbackKeyUnpublished()) == 0 {
		if err := spare.GenFallbackKey(); err != nil {
			return nil, err
		}
	}
	if err := dev.store.PutAccount(ctx, account); err != nil {
		return nil, err
	}
	if waiting, err = account.Internal.OneTimeKeys(); err != nil {
		return nil, err
	}
	body := &upload{}
	if body.OneTimeKeys, err = dev.sign(waiting, false); err == nil && able {
		body.FallbackKeys, err = dev.sign(spare.FallbackKeyUnpublished(), true)
	}
	if err == nil && p.device {
		body.DeviceKeys, err = dev.deviceKeys()
	}
	return body, err
}

// sign signs one-time keys as their device.
func (dev *device) sign(keys map[string]id.Curve25519, fallback bool) (map[id.KeyID]mautrix.OneTimeKey, error) {
	client, all := dev.mach.Client, map[id.KeyID]mautrix.OneTimeKey{}
	for name, key := range keys {
		k := mautrix.OneTimeKey{Key: key, Fallback: fallback, IsSigned: true}
		signature, err := dev.mach.GetAccount().SignJSON(&k)
		if err != nil {
			return nil, err
		}
		k.Signatures = signatures.NewSingleSignature(client.UserID, id.KeyAlgorithmEd25519, client.DeviceID.String(), signature)
		all[id.NewKeyID(id.KeyAlgorithmSignedCurve25519, name)] = k
	}
	return all, nil
}

// deviceKeys are the identity keys, signed by themselves (Matrix 1.18, "Device keys").
func (dev *device) deviceKeys() (*mautrix.DeviceKeys, error) {
	client, account := dev.mach.Client, dev.mach.GetAccount()
	signing, identity := account.Keys()
	keys := &mautrix.DeviceKeys{UserID: client.UserID, DeviceID: client.DeviceID,
		Algorithms: []id.Algorithm{id.AlgorithmMegolmV1, id.AlgorithmOlmV1},
		Keys: mautrix.KeyMap{
			id.NewDeviceKeyID(id.KeyAlgorithmCurve25519, client.DeviceID): identity.String(),
			id.NewDeviceKeyID(id.KeyAlgorithmEd25519, client.DeviceID):    signing.String(),
		}}
	signature, err := account.SignJSON(keys)
	if err != nil {
		return nil, err
	}
	keys.Signatures = signatures.NewSingleSignature(client.UserID, id.KeyAlgorithmEd25519, client.DeviceID.String(), signature)
	return keys, nil
}
