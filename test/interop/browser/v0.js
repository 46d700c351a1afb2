// Calls as the first Matrix clients placed them (2016): version is the number 0, there is
// no party_id, no select_answer, no reject and no negotiate. Written by hand, without the
// SDK's call code, but with the same surface: state, hangup, events.
import { ClientEvent } from 'matrix-js-sdk';

export class V0Line extends EventTarget {
  // singular: candidates go out one at a time as `m.call.candidate`, as early documents spell it.
  constructor(client, { singular = false } = {}) {
    super();
    Object.assign(this, { client, singular, calls: new Map() });
    client.on(ClientEvent.Event, event => this.receive(event));
  }
  call(roomId) { return this.keep(new V0Call(this, roomId, `v0${crypto.randomUUID()}`)); }
  keep(call) { this.calls.set(call.callId, call); return call; }
  receive(event) {
    const type = event.getType(), content = event.getContent();
    if (!type.startsWith('m.call.') || event.getSender() === this.client.getUserId() || event.getLocalAge() > 50000) return;
    if (type === 'm.call.invite' && !this.calls.has(content.call_id)) {
      const call = this.keep(new V0Call(this, event.getRoomId(), content.call_id));
      call.invited(content, event.getSender());
      return this.dispatchEvent(new CustomEvent('incoming', { detail: call }));
    }
    this.calls.get(content.call_id)?.receive(type, content, event.getSender());
  }
}

class V0Call extends EventTarget {
  state = 'fledgling'; theirs = []; ours = [];
  constructor(line, roomId, callId) { super(); Object.assign(this, { line, roomId, callId }); }
  set(state) { this.state = state; this.dispatchEvent(new CustomEvent('state', { detail: state })); }
  send(type, content) { return this.line.client.sendEvent(this.roomId, type, { version: 0, call_id: this.callId, ...content }); }
  connection(stream) {
    const pc = (this.peerConn = new RTCPeerConnection());
    stream.getTracks().forEach(track => pc.addTrack(track, stream));
    pc.onicecandidate = ({ candidate }) => candidate && this.candidate(candidate.toJSON());
    pc.ontrack = ({ track, streams }) => { this.remote = streams[0] ?? new MediaStream([track]); this.dispatchEvent(new Event('feed')); };
    pc.onconnectionstatechange = () => {
      if (pc.connectionState === 'connected') this.set('connected');
      if (pc.connectionState === 'failed') this.hangup('ice_failed');
    };
    return pc;
  }
  // Ours are held back until the invite or answer has gone out, then sent as they come.
  candidate(c) {
    this.ours.push(c);
    if (this.sent) this.flush();
  }
  flush() {
    this.sent = true;
    const candidates = this.ours.splice(0);
    if (!this.line.singular) return candidates.length && this.send('m.call.candidates', { candidates });
    candidates.forEach(candidate => this.send('m.call.candidate', { candidate }));
  }
  async place(stream) {
    const pc = this.connection(stream), offer = await pc.createOffer();
    await pc.setLocalDescription(offer);
    await this.send('m.call.invite', { lifetime: 60000, offer: { type: 'offer', sdp: offer.sdp } });
    this.set('invite_sent'); this.flush();
  }
  invited(content, sender) { Object.assign(this, { offer: content.offer, opponent: sender }); this.set('ringing'); }
  async answer(stream) {
    const pc = this.connection(stream);
    await pc.setRemoteDescription({ type: 'offer', sdp: this.offer.sdp });
    await this.apply();
    const answer = await pc.createAnswer();
    await pc.setLocalDescription(answer);
    this.set('connecting');
    await this.send('m.call.answer', { answer: { type: 'answer', sdp: answer.sdp } });
    this.flush();
  }
  async apply() { for (const c of this.theirs.splice(0)) if (c.candidate) await this.peerConn.addIceCandidate(c).catch(e => this.note(String(e))); }
  async receive(type, content, sender) {
    if (type === 'm.call.candidates') { this.theirs.push(...content.candidates); if (this.peerConn?.remoteDescription) await this.apply(); }
    else if (type === 'm.call.answer' && this.state === 'invite_sent') {
      this.opponent = sender; this.set('connecting');
      await this.peerConn.setRemoteDescription({ type: 'answer', sdp: content.answer.sdp });
      await this.apply();
    } else if (type === 'm.call.hangup') this.end(content.reason, 'remote');
    else this.note(`${type} means nothing to version 0`);
  }
  note(text) { this.dispatchEvent(new CustomEvent('note', { detail: text })); }
  hangup(reason) { if (this.state === 'ended') return; this.send('m.call.hangup', reason ? { reason } : {}); this.end(reason, 'local'); }
  reject() { this.hangup(); }
  end(reason, party) {
    if (this.state === 'ended') return;
    Object.assign(this, { hangupReason: reason, hangupParty: party });
    this.peerConn?.close(); this.set('ended');
  }
}
