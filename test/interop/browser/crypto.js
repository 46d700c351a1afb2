// End-to-end encryption as a client's settings have it: the device of this page, its owner's
// own keys, what it can read, and whom it trusts.
import { MatrixEvent } from 'matrix-js-sdk';
import { DeviceIsolationModeKind, decodeRecoveryKey } from 'matrix-js-sdk/lib/crypto-api/index.js';

// callbacks hold the recovery key for as long as the page lives, as a client does that has just asked for it.
export const callbacks = (keys = {}) => ({
  keys,
  cacheSecretStorageKey: (id, info, key) => { keys.made = key; },
  getSecretStorageKey: async ({ keys: wanted }) => keys.made ? [Object.keys(wanted)[0], keys.made] : null,
});

// own gives the user keys of their own and signs this device with them. With a recovery key the
// keys are those that another device has put away; unsigned is a device that nobody has signed.
export async function own(client, { recovery, unsigned, user, password }, kept) {
  if (unsigned) return;
  if (recovery) kept.made = decodeRecoveryKey(recovery);
  await client.getCrypto().userHasCrossSigningKeys(client.getUserId(), true); // the public ones, of which the SDK would not ask
  await client.getCrypto().bootstrapCrossSigning({
    authUploadDeviceSigningKeys: ask => ask({ type: 'm.login.password', identifier: { type: 'm.id.user', user }, password }),
  });
}

// clear is an event as the client shows it; wire is what came.
const clear = e => {
  const { event_id, type, sender, content, origin_server_ts } = e.getEffectiveEvent();
  return { event_id, type, sender, content, origin_server_ts, wire: e.getWireType(), failure: e.isDecryptionFailure() ? e.decryptionFailureReason ?? 'unknown' : '' };
};

export const crypto = (bed, until) => {
  const events = room => (bed.client.getRoom(room)?.getLiveTimeline().getEvents() ?? []).filter(e => !e.status);
  // timeline waits, for a while, until nothing is being read any more.
  const timeline = async room => {
    await until(() => events(room).every(e => !e.isBeingDecrypted() && !e.shouldAttemptDecryption()), 5000, 'the timeline').catch(() => {});
    return events(room).map(clear);
  };
  return {
    timeline,
    unreadable: async room => (await timeline(room)).filter(e => e.failure),
    encrypted: room => bed.client.getCrypto().isEncryptionEnabledInRoom(room),
    // recovery puts the user's keys away at the homeserver, and tells the key to them.
    recovery: async () => {
      const api = bed.client.getCrypto(), made = await api.createRecoveryKeyFromPassphrase();
      await api.bootstrapSecretStorage({ createSecretStorageKey: async () => made });
      return made.encodedPrivateKey;
    },
    // trust tells of each device of a user's what the client makes of it.
    trust: async user => {
      const api = bed.client.getCrypto(), found = (await api.getUserDeviceInfo([user], true)).get(user) ?? new Map();
      return Promise.all([...found.keys()].map(async device => {
        const { signedByOwner = false, crossSigningVerified = false } = await api.getDeviceVerificationStatus(user, device) ?? {};
        return { device, name: found.get(device).displayName ?? '', signed: signedByOwner, verified: crossSigningVerified };
      }));
    },
    // shields are what is drawn beside the events that others wrote: 0 nothing, 1 grey, 2 red.
    shields: async room => {
      await timeline(room);
      const theirs = events(room).filter(e => e.isEncrypted() && e.getSender() !== bed.me);
      return Promise.all(theirs.map(async e => ({ type: e.getType(), ...await bed.client.getCrypto().getEncryptionInfoForEvent(e) })));
    },
    decrypts: async raw => {
      const e = new MatrixEvent({ ...raw });
      await bed.client.decryptEventIfNeeded(e);
      return e.isDecryptionFailure() ? e.decryptionFailureReason ?? 'unknown' : '';
    },
    // discard lets the next event be under a new key.
    discard: room => bed.client.getCrypto().forceDiscardSession(room),
    // verifiedOnly is Element's "never send to unverified devices"; signedOnly its "exclude insecure devices".
    verifiedOnly: on => { bed.client.getCrypto().globalBlacklistUnverifiedDevices = on; },
    signedOnly: on => bed.client.getCrypto().setDeviceIsolationMode({ errorOnVerifiedUserProblems: false,
      kind: on ? DeviceIsolationModeKind.OnlySignedDevicesIsolationMode : DeviceIsolationModeKind.AllDevicesIsolationMode }),
    send: async ({ room, type, content }) => (await bed.client.sendEvent(room, type, content)).event_id,
  };
};

// state is what a new room begins with: encryption, where everybody invited has a device with keys,
// as Element decides it (canEncryptToAllUsers).
export async function state(client, users) {
  const devices = await client.getCrypto()?.getUserDeviceInfo(users, true);
  if (!devices || !users.every(u => devices.get(u)?.size)) return [];
  return [{ type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } }];
}
