// A Matrix client reduced to calls, with everything a test or the page for people needs on
// window.bed. Calls are known by their call_id; times are ms since 1970.
import * as sdk from 'matrix-js-sdk';
import { createNewMatrixCall, CallEvent } from 'matrix-js-sdk/lib/webrtc/call.js';
import { CallEventHandlerEvent } from 'matrix-js-sdk/lib/webrtc/callEventHandler.js';
import { microphone, Ear } from './audio.js';
import { V0Line } from './v0.js';
import { actions, follow } from './midcall.js';
import { callbacks, crypto, own, state } from './crypto.js';
import { verify } from './verify.js';

const bed = (window.bed = { events: [], calls: new Map(), onevent() {}, onnotice() {} });
const log = (what, more = {}) => { const e = { at: Date.now(), what, ...more }; bed.events.push(e); bed.onevent(e); };
const changed = new EventTarget();
// until resolves with the first true value of f, looked at whenever something has changed.
const until = (f, ms, what) => new Promise((resolve, reject) => {
  const look = () => { try { const v = f(); if (v) { stop(); resolve(v); } } catch (e) { stop(); reject(e); } };
  const late = setTimeout(() => { stop(); reject(new Error(`${what}: not after ${ms} ms`)); }, ms);
  const stop = () => { clearTimeout(late); changed.removeEventListener('change', look); };
  changed.addEventListener('change', look); look();
});
const change = () => changed.dispatchEvent(new Event('change'));

// ---- logging in ----

// start({hs, user, password | userId+accessToken+deviceId, v0, singular, tone, crypto}): v0 places and takes
// calls by hand (v0.js); tone is the microphone's frequency where a call names none; crypto is what
// own (crypto.js) takes, where the client is to encrypt.
bed.start = async opts => {
  const login = opts.accessToken ? opts : await passwordLogin(opts), cryptoCallbacks = callbacks();
  const client = (bed.client = sdk.createClient({ baseUrl: opts.hs, ...login, disableVoip: !!opts.v0, fallbackICEServerAllowed: false, cryptoCallbacks }));
  if (opts.crypto) await client.initRustCrypto({ useIndexedDB: false });
  bed.tone = opts.tone ?? 0; bed.me = login.userId;
  client.on(sdk.RoomMemberEvent.Membership, (_, m) => { if (m.userId === login.userId && m.membership === 'invite') join(m.roomId); change(); });
  client.on(sdk.ClientEvent.Sync, change);
  client.on(sdk.ClientEvent.Event, e => { if (e.getContent().msgtype === 'm.notice' && e.getLocalAge() < 30000) bed.onnotice(e.getContent().body); });
  if (opts.v0) {
    bed.line = new V0Line(client, opts);
    bed.line.addEventListener('incoming', ({ detail }) => incoming(detail));
  } else client.on(CallEventHandlerEvent.Incoming, incoming);
  await client.startClient({ initialSyncLimit: 3, lazyLoadMembers: true });
  await until(() => ['PREPARED', 'SYNCING'].includes(client.getSyncState()), 30000, 'the first sync');
  if (opts.crypto) await own(client, opts.crypto, cryptoCallbacks.keys);
  for (const room of client.getRooms()) if (room.getMyMembership() === 'invite') join(room.roomId);
  return { userId: login.userId, deviceId: login.deviceId };
};
async function passwordLogin({ hs, user, password }) {
  const r = await fetch(`${hs}/_matrix/client/v3/login`, { method: 'POST', body: JSON.stringify({ type: 'm.login.password',
    identifier: { type: 'm.id.user', user }, password, initial_device_display_name: 'Roomline test page' }) }).then(r => r.json());
  if (!r.access_token) throw new Error(r.error ?? 'login failed');
  return { userId: r.user_id, accessToken: r.access_token, deviceId: r.device_id };
}
const join = roomId => bed.client.joinRoom(roomId).then(() => log('joined', { room: roomId }), e => log('join failed', { room: roomId, error: String(e) }));
bed.stop = async () => { bed.client.stopClient(); await bed.client.logout(true); };

// ---- the microphone ----

// The SDK asks for a microphone by itself, so the tone of the call being placed or answered
// is set for as long as that takes, one call at a time.
const devices = navigator.mediaDevices;
if (devices) {
  devices.device = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async want => {
    bed.mic = await microphone(bed.speaking ?? bed.tone);
    if (want?.video) for (const track of (await devices.device({ video: true })).getTracks()) bed.mic.stream.addTrack(track);
    return bed.mic.stream;
  };
}
let turn = Promise.resolve();
const speaking = (hz, entry, f) => (turn = turn.catch(() => {}).then(async () => {
  bed.speaking = hz ?? bed.tone;
  if (!bed.line) bed.client.getMediaHandler().localUserMediaStream = undefined; // else it is cloned for the next call
  try { return await f(); } finally { entry.mic = bed.mic; }
}));

// ---- calls ----

const KEPT = 40; // recordings of ended calls that stay
function track(call, extra) {
  const e = { id: call.callId, room: call.roomId, call, states: [], ...extra };
  bed.calls.set(e.id, e);
  const state = s => {
    if (e.states.at(-1)?.[0] === s) return;
    e.states.push([s, Date.now()]); log('state', { call: e.id, state: s, ...(s === 'ended' ? { reason: call.hangupReason, party: call.hangupParty } : {}) });
    if (s === 'ended') ended(e);
    change();
  };
  const feed = stream => {
    if (!stream || stream === e.stream) return;
    e.stream = stream;
    if (e.ear) return e.ear.move(stream);
    e.ear = new Ear(stream); log('feed', { call: e.id }); change();
  };
  if (bed.line) {
    call.addEventListener('state', ({ detail }) => state(detail));
    call.addEventListener('feed', () => feed(call.remote));
    call.addEventListener('note', ({ detail }) => log('note', { call: e.id, text: detail }));
  } else {
    call.on(CallEvent.State, state);
    call.on(CallEvent.Error, err => { e.error = String(err); log('error', { call: e.id, error: e.error }); });
    follow(e, change);
    call.on(CallEvent.FeedsChanged, () => feed(call.getRemoteFeeds()[0]?.stream));
    feed(call.getRemoteFeeds()[0]?.stream);
  }
  if (call.state) state(call.state);
  return e;
}
function ended(e) {
  e.mic?.stop(); e.ear?.stop();
  [...bed.calls.values()].filter(c => c.ear?.stopped).slice(0, -KEPT).forEach(c => c.ear.forget());
}
function incoming(call) {
  const e = track(call, { incoming: true, from: call.opponent ?? call.getOpponentMember()?.userId });
  e.from ??= bed.client.getRoom(e.room)?.getJoinedMembers().find(m => m.userId !== bed.me)?.userId;
  log('incoming', { call: e.id, room: e.room, from: e.from }); change();
}
const find = id => { const e = bed.calls.get(id); if (!e) throw new Error(`no call ${id}`); return e; };
const info = e => ({ id: e.id, room: e.room, from: e.from ?? '', incoming: !!e.incoming, state: e.states.at(-1)?.[0] ?? '',
  states: e.states.map(([state, at]) => ({ state, at })), reason: e.call.hangupReason ?? '', party: e.call.hangupParty ?? '', error: e.error ?? '' });
bed.info = id => info(find(id));
bed.list = () => [...bed.calls.values()].map(info);

// lookup does what Element's dial pad does with what was typed: the first protocol that is
// there, the raw text, the first user of the reply.
bed.lookup = async number => {
  const protocols = await bed.client.getThirdpartyProtocols();
  const protocol = ['m.protocol.pstn', 'im.vector.protocol.pstn'].find(p => protocols[p]);
  if (!protocol) throw new Error('the homeserver offers no telephone network');
  const users = await bed.client.getThirdpartyUser(protocol, { 'm.id.phone': number }).catch(e => {
    if (e.errcode !== 'M_NOT_FOUND') throw e; // what Dendrite makes of an empty list; Element shows the same for both
  });
  if (!users?.length || !users[0].userid) throw new Error(`nobody is found at ${number}`);
  return { protocol, ...users[0] };
};
// room finds the direct room with a user or creates it, and waits until the user is in it.
bed.room = async userId => {
  const client = bed.client, direct = client.getAccountData('m.direct')?.getContent() ?? {};
  let roomId = (direct[userId] ?? []).find(id => client.getRoom(id)?.getMyMembership() === 'join' && client.getRoom(id).getMember(userId)?.membership !== 'leave');
  if (!roomId) {
    ({ room_id: roomId } = await client.createRoom({ preset: 'trusted_private_chat', is_direct: true, invite: [userId], initial_state: await state(client, [userId]) }));
    await (bed.directing = (bed.directing ?? Promise.resolve()).then(async () => {
      const now = client.getAccountData('m.direct')?.getContent() ?? {};
      await client.setAccountData('m.direct', { ...now, [userId]: [...(now[userId] ?? []), roomId] });
    }));
  }
  await client.getRoom(roomId)?.loadMembersIfNeeded(); // Dendrite's sync names only who has spoken lately
  await until(() => client.getRoom(roomId)?.getMember(userId)?.membership === 'join', 15000, `${userId} in the room`);
  return roomId;
};
// dial({number, tone}) looks the number up and calls whoever it is.
bed.dial = async ({ number, tone }) => {
  const began = Date.now(), { userid } = await bed.lookup(number), looked = Date.now(), roomId = await bed.room(userid);
  log('dial', { number, user: userid, room: roomId, lookup_ms: looked - began, room_ms: Date.now() - looked });
  return bed.place({ room: roomId, tone });
};
// place calls whoever is in the room; invitee, if any, says whom of several.
bed.place = async ({ room, tone, invitee }) => {
  const call = bed.line ? bed.line.call(room) : createNewMatrixCall(bed.client, room, { invitee });
  if (!call) throw new Error('this browser has no WebRTC');
  const e = track(call, {});
  log('place', { call: e.id, room });
  await speaking(tone, e, async () => bed.line ? call.place(await devices.getUserMedia()) : call.placeVoiceCall());
  return info(e);
};
// waitIncoming gives each ringing call out once; from, if any, says whose.
bed.waitIncoming = async ({ ms, from }) => info(await until(() => {
  const e = [...bed.calls.values()].find(c => c.incoming && !c.taken && (!from || c.from === from));
  if (e) e.taken = true;
  return e;
}, ms, 'an incoming call'));
bed.answer = async ({ id, tone }) => {
  const e = find(id);
  log('answer', { call: id });
  await speaking(tone, e, async () => bed.line ? e.call.answer(await devices.getUserMedia()) : e.call.answer(true, false));
};
bed.reject = id => { log('reject', { call: id }); find(id).call.reject(); };
bed.hangup = id => { log('hangup', { call: id }); find(id).call.hangup('user_hangup', false); };
bed.hold = ({ id, on }) => find(id).call.setRemoteOnHold(on);
// waitState resolves once the call is, or has been, in the state; an ended call reaches no other.
bed.waitState = async ({ id, state, ms }) => info(await until(() => {
  const e = find(id);
  if (e.states.some(([s]) => s === state)) return e;
  if (e.states.at(-1)?.[0] === 'ended') throw new Error(`call ended before ${state}: ${e.call.hangupReason ?? 'no reason'} ${e.error ?? ''}`);
}, ms, `state ${state}`));

// ---- audio ----

bed.record = async ({ id, seconds, ms = 15000 }) => (await until(() => find(id).ear, ms, 'audio from the far end')).recording(seconds);
// A client may call itself connected a moment before telephone-event is agreed on.
bed.dtmf = async ({ id, digits, duration = 100, gap = 70 }) => {
  const able = () => find(id).call.peerConn.getSenders().find(s => s.dtmf?.canInsertDTMF), poll = setInterval(change, 20);
  try { (await until(able, 3000, 'telephone-event')).dtmf.insertDTMF(digits, duration, gap); } finally { clearInterval(poll); }
};
bed.stats = async id => {
  const pc = find(id).call.peerConn, all = [...(await pc.getStats()).values()], by = key => all.find(s => s.id === key), out = { sdp: { local: pc.localDescription?.sdp, remote: pc.remoteDescription?.sdp } };
  for (const s of all) {
    if (s.type === 'inbound-rtp' && s.kind === 'audio') Object.assign(out, { codec: by(s.codecId)?.mimeType?.replace('audio/', ''), received: s.packetsReceived, lost: s.packetsLost, jitter_ms: s.jitter * 1000, concealed: s.concealedSamples, silent: s.silentConcealedSamples });
    if (s.type === 'outbound-rtp' && s.kind === 'audio') Object.assign(out, { sent: s.packetsSent, sent_codec: by(s.codecId)?.mimeType?.replace('audio/', '') });
    if (s.type === 'remote-inbound-rtp' && s.kind === 'audio') Object.assign(out, { rtt_ms: s.roundTripTime * 1000, far_lost: s.packetsLost });
    if (s.type === 'transport') {
      const pair = by(s.selectedCandidatePairId), end = key => { const c = by(key); return c ? `${c.candidateType} ${c.address}:${c.port}` : ''; };
      if (pair) Object.assign(out, { local: end(pair.localCandidateId), remote: end(pair.remoteCandidateId) });
    }
  }
  return out;
};
Object.assign(bed, actions(bed, find, until, change), crypto(bed, until), verify(bed));
bed.ready = true;
