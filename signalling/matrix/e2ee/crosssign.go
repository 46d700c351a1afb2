package e2ee

import (
	"context"
	"encoding/base64"
	"fmt"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/crypto/signatures"
	"maunium.net/go/mautrix/id"
)

// crossSign gives the owner of a device cross-signing keys, whose private
// parts we keep, publishes them and signs the device (Matrix 1.18,
// "Cross-signing"). An application service is not asked for a password.
func (d *Devices) crossSign(ctx context.Context, dev *device) error {
	keys := dev.mach.CrossSigningKeys
	if keys == nil {
		made, err := dev.mach.GenerateCrossSigningKeys()
		if err != nil {
			return err
		}
		if err := d.keepCrossSigning(ctx, dev, made); err != nil {
			return err
		}
		keys = made
	}
	if err := dev.mach.PublishCrossSigningKeys(ctx, keys, nil); err != nil {
		return fmt.Errorf("publish cross-signing keys: %w", err)
	}
	return d.signDevice(ctx, dev, keys)
}

func (d *Devices) keepCrossSigning(ctx context.Context, dev *device, keys *crypto.CrossSigningKeysCache) error {
	seeds := keys.Seeds()
	return dev.store.DB.DoTxn(ctx, nil, func(ctx context.Context) error { // all three or none
		for name, seed := range map[id.Secret][]byte{id.SecretXSMaster: seeds.MasterKey,
			id.SecretXSSelfSigning: seeds.SelfSigningKey, id.SecretXSUserSigning: seeds.UserSigningKey} {
			if err := dev.store.PutSecret(ctx, name, base64.RawStdEncoding.EncodeToString(seed)); err != nil {
				return err
			}
		}
		return nil
	})
}

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
