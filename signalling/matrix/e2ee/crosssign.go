package e2ee

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/crypto/signatures"
	"maunium.net/go/mautrix/id"
)

// identify gives the owner of a device cross-signing keys, whose private parts
// we keep (Matrix 1.18, "Cross-signing"). It comes before the device is loaded,
// which reads them.
func (d *Devices) identify(ctx context.Context, user string, r row) error {
	store := d.store(user, r)
	if text, err := store.GetSecret(ctx, id.SecretXSMaster); err != nil || text != "" {
		return err
	}
	keys, err := crypto.NewOlmMachine(d.client(user, r.device), d.zlog, store, d.state).GenerateCrossSigningKeys()
	if err != nil {
		return err
	}
	return d.keepCrossSigning(ctx, store, keys)
}

func (d *Devices) keepCrossSigning(ctx context.Context, store *guarded, keys *crypto.CrossSigningKeysCache) error {
	seeds := keys.Seeds()
	return d.part.InTx(ctx, func(ctx context.Context) error { // all three or none
		for name, seed := range map[id.Secret][]byte{id.SecretXSMaster: seeds.MasterKey,
			id.SecretXSSelfSigning: seeds.SelfSigningKey, id.SecretXSUserSigning: seeds.UserSigningKey} {
			if err := store.PutSecret(ctx, name, base64.RawStdEncoding.EncodeToString(seed)); err != nil {
				return err
			}
		}
		return nil
	})
}

// crossSign publishes the cross-signing keys of a device's owner, and signs the
// device. An application service is not asked for a password. It is done with a
// machine of its own, because others may use the device's.
func (d *Devices) crossSign(ctx context.Context, dev *device) error {
	keys := dev.mach.CrossSigningKeys
	if keys == nil {
		return errNoIdentity
	}
	own := crypto.NewOlmMachine(dev.mach.Client, d.zlog, dev.store, d.state)
	if err := own.Load(ctx); err != nil {
		return err
	}
	if err := own.PublishCrossSigningKeys(ctx, keys, nil); err != nil {
		return fmt.Errorf("publish cross-signing keys: %w", err)
	}
	return d.signDevice(ctx, dev, keys)
}

// errNoIdentity says that a device was loaded before identify; it is there when
// it is loaded again.
var errNoIdentity = errors.New("its owner has no cross-signing keys yet")

// loadCrossSigning reads the keys that an earlier run has made, if it has.
func (d *Devices) loadCrossSigning(ctx context.Context, dev *device) error {
	var seeds [3][]byte
	for i, name := range []id.Secret{id.SecretXSMaster, id.SecretXSSelfSigning, id.SecretXSUserSigning} {
		text, err := dev.store.GetSecret(ctx, name)
		if err != nil || text == "" {
			return err
		}
		if seeds[i], err = base64.RawStdEncoding.DecodeString(text); err != nil {
			return err
		}
	}
	return dev.mach.ImportCrossSigningKeys(crypto.CrossSigningSeeds{MasterKey: seeds[0], SelfSigningKey: seeds[1], UserSigningKey: seeds[2]})
}

// signDevice signs a device of ours as its owner, and tells the homeserver.
func (d *Devices) signDevice(ctx context.Context, dev *device, keys *crypto.CrossSigningKeysCache) error {
	client := dev.mach.Client
	device, err := dev.deviceKeys()
	if err != nil {
		return err
	}
	signature, err := keys.SelfSigningKey.SignJSON(device)
	if err != nil {
		return err
	}
	key := keys.SelfSigningKey.PublicKey()
	body := mautrix.ReqKeysSignatures{UserID: client.UserID, DeviceID: client.DeviceID, Algorithms: device.Algorithms, Keys: map[id.KeyID]string{},
		Signatures: signatures.NewSingleSignature(client.UserID, id.KeyAlgorithmEd25519, key.String(), signature)}
	for name, key := range device.Keys {
		body.Keys[id.KeyID(name)] = key
	}
	res, err := client.UploadSignatures(ctx, &mautrix.ReqUploadSignatures{client.UserID: {client.DeviceID.String(): body}})
	if err != nil {
		return fmt.Errorf("sign the device: %w", err)
	}
	if len(res.Failures) > 0 {
		return fmt.Errorf("sign the device: %w", crypto.ErrSignatureUploadFail)
	}
	return dev.store.PutSignature(ctx, client.UserID, dev.mach.GetAccount().SigningKey(), client.UserID, key, signature)
}
