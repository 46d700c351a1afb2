// One connection to the peer, as matrix-js-sdk makes it.
const gathered = async (pc, ms) => { // a state that was complete before may still say so
  for (const end = performance.now() + ms; performance.now() < end; await new Promise(r => setTimeout(r, 10)))
    if (pc.iceGatheringState === 'complete' && pc.localDescription.sdp.includes('\r\na=candidate:')) return;
};

window.lone = {
  ready: true,
  async make(poolSize = 0) {
    const pc = this.pc = new RTCPeerConnection({ iceCandidatePoolSize: poolSize });
    this.states = [];
    pc.addEventListener('connectionstatechange', () => pc.connectionState === 'connected' && (this.took ??= performance.now() - this.accepted));
    const note = () => this.states.push(`${Math.round(performance.now())} ${pc.iceConnectionState}/${pc.connectionState}/${pc.signalingState}`);
    for (const e of ['iceconnectionstatechange', 'connectionstatechange', 'signalingstatechange']) pc.addEventListener(e, note);
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const t of this.stream.getTracks()) pc.addTrack(t, this.stream);
    pc.ontrack = e => { // nothing is decoded that nobody plays
      const a = document.createElement('audio');
      a.srcObject = e.streams[0] ?? new MediaStream([e.track]);
      a.autoplay = true;
      document.documentElement.append(a);
    };
  },
  async local(description) {
    await this.pc.setLocalDescription(description);
    await gathered(this.pc, 1000);
    return this.pc.localDescription.sdp;
  },
  async offer(options) { return this.local(await this.pc.createOffer(options)); },
  async answer(sdp) {
    await this.pc.setRemoteDescription({ type: 'offer', sdp });
    const answer = await this.pc.createAnswer();
    this.accepted = performance.now();
    return this.local(answer);
  },
  async accept(sdp) {
    this.accepted = performance.now();
    await this.pc.setRemoteDescription({ type: 'answer', sdp });
  },
  direction(d) { for (const t of this.pc.getTransceivers()) if (!t.stopped && t.direction !== 'stopped') t.direction = d; },
  async video() { // as a screen share or a camera does
    const canvas = document.createElement('canvas');
    canvas.getContext('2d').fillRect(0, 0, 10, 10);
    const s = canvas.captureStream(5);
    this.pc.addTrack(s.getVideoTracks()[0], s);
  },
  async secondAudio() {
    const s = await navigator.mediaDevices.getUserMedia({ audio: true });
    this.pc.addTrack(s.getAudioTracks()[0].clone(), new MediaStream());
  },
  enable(on) { for (const t of this.stream.getAudioTracks()) t.enabled = on; },
  async stats() {
    const out = { state: this.pc.connectionState, ice: this.pc.iceConnectionState, signaling: this.pc.signalingState,
      current: this.pc.getTransceivers().map(t => t.currentDirection), received: 0, sent: 0, lost: 0, energy: 0 };
    for (const r of (await this.pc.getStats()).values()) {
      if (r.type === 'inbound-rtp' && r.kind === 'audio') {
        out.received += r.packetsReceived; out.lost += r.packetsLost; out.energy += r.totalAudioEnergy ?? 0;
      }
      if (r.type === 'outbound-rtp' && r.kind === 'audio') out.sent += r.packetsSent;
    }
    return out;
  },
  // gaps watches for ms how long nothing arrives, in ms.
  watch(ms) {
    this.watched = new Promise(done => {
      let count = -1, last = performance.now(), longest = 0;
      const begun = last;
      const timer = setInterval(async () => {
        const n = (await this.stats()).received, now = performance.now();
        if (n !== count) { longest = Math.max(longest, now - last); count = n; last = now; }
        if (now - begun > ms) { clearInterval(timer); done(Math.round(Math.max(longest, now - last))); }
      }, 20);
    });
  },
};
