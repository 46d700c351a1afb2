// What a person can do in the middle of a call, and what the client then shows of it, as the
// SDK has it: hold, mute, transfer, the network's changes, who the far end is.
import { CallEvent } from 'matrix-js-sdk/lib/webrtc/call.js';
import { CallFeedEvent } from 'matrix-js-sdk/lib/webrtc/callFeed.js';

// follow notes every change of what facts tells.
export function follow(e, change) {
  e.names = [];
  const { call } = e, feeds = new Set();
  call.on(CallEvent.LocalHoldUnhold, change);
  call.on(CallEvent.RemoteHoldUnhold, change);
  call.on(CallEvent.AssertedIdentityChanged, () => { e.names.push(call.getRemoteAssertedIdentity()?.displayName ?? ''); change(); });
  call.on(CallEvent.FeedsChanged, () => call.getRemoteFeeds().filter(f => !feeds.has(f)).forEach(f => {
    feeds.add(f); f.on(CallFeedEvent.MuteStateChanged, change); change();
  }));
}

// facts is what Element's call view is drawn from.
export function facts({ call, names = [] }) {
  if (!call.isRemoteOnHold) return {}; // version 0
  const pc = call.peerConn, feed = call.getRemoteFeeds()[0];
  return {
    holding: call.isRemoteOnHold(), held: !!pc && call.isLocalOnHold(), // we hold them; they hold us
    muted: call.isMicrophoneMuted(), far_muted: !!feed?.isAudioMuted(),
    keypad: call.opponentSupportsDTMF(), transferable: call.opponentCanBeTransferred(), streams: call.opponentSupportsSDPStreamMetadata(),
    names, ice: pc?.iceConnectionState ?? '', signalling: pc?.signalingState ?? '', type: call.type,
    ufrag: pc?.currentLocalDescription?.sdp.match(/a=ice-ufrag:(\S+)/)?.[1] ?? '', far_ufrag: pc?.currentRemoteDescription?.sdp.match(/a=ice-ufrag:(\S+)/)?.[1] ?? '',
  };
}

export const actions = (bed, find, until, change) => ({
  // facts waits until those that are wanted are as wanted; looked at also without an event, for the browser tells not everything.
  facts: async ({ id, want = {}, ms = 1 }) => {
    const e = find(id), poll = setInterval(change, 50), keys = Object.keys(want), now = () => facts(e);
    const there = () => { const f = now(); return keys.every(k => f[k] === want[k]) && f; };
    try { return await until(there, ms, 'the call').catch(err => { throw new Error(`wanted ${JSON.stringify(want)}, have ${JSON.stringify(now())}: ${err.message}`); }); } finally { clearInterval(poll); }
  },
  mute: ({ id, on }) => find(id).call.setMicrophoneMuted(on),
  video: ({ id, on }) => find(id).call.setLocalVideoMuted(!on),
  // Element's transfer: to somebody (the first sentence of its dialog), or to whom another call is with.
  transfer: ({ id, user }) => find(id).call.transfer(user),
  transferTo: ({ id, other }) => find(id).call.transferToCall(find(other).call),
  restart: id => find(id).call.peerConn.restartIce(), // as the SDK itself does when the connection is lost
});
