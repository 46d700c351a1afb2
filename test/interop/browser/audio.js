// What a user says and hears: a microphone that plays a tone, an ear that records.

// A microphone stream: an oscillator at -12 dBFS, or the real (or Chromium's fake) device
// when hz is 0. `stop` silences it for good.
let voice;
export async function microphone(hz) {
  if (!hz) return { stream: await navigator.mediaDevices.device({ audio: { autoGainControl: false, echoCancellation: false, noiseSuppression: false } }), stop() {} };
  voice ??= new AudioContext({ sampleRate: 48000 });
  await voice.resume();
  const source = voice.createOscillator(), gain = voice.createGain(), out = voice.createMediaStreamDestination();
  source.frequency.value = hz; gain.gain.value = 10 ** (-12 / 20);
  source.connect(gain).connect(out); source.start();
  return { stream: out.stream, stop() { source.stop(); source.disconnect(); gain.disconnect(); } };
}

// Ear records one remote stream from its first moment until `stop`: 16 kHz, 16 bit.
const RATE = 16000;
let listening, ready;
export class Ear {
  blocks = []; began = 0; waiting = [];
  constructor(stream) { this.opened = this.open(stream); }
  async open(stream) {
    this.player = Object.assign(new Audio(), { autoplay: true });
    listening ??= new AudioContext({ sampleRate: RATE });
    await (ready ??= listening.audioWorklet.addModule('recorder.js').then(() => listening.resume()));
    this.node = new AudioWorkletNode(listening, 'recorder', { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => this.take(data);
    this.hear(stream);
  }
  // A remote stream gives WebAudio nothing until a media element plays it (Chromium).
  hear(stream) {
    if (this.stopped || !stream.getAudioTracks().length) return;
    this.player.srcObject = stream; this.player.play().catch(() => {});
    this.source?.disconnect();
    this.source = listening.createMediaStreamSource(stream);
    this.source.connect(this.node);
  }
  // A hold takes the far end's track out of its stream, and the end of it brings it in a new one.
  move(stream) { this.opened = this.opened.then(() => this.hear(stream)); }
  take({ began, pcm }) {
    if (!this.blocks.length) this.began = wallClock(listening, began);
    this.blocks.push(pcm);
    this.waiting = this.waiting.filter(w => { if (this.blocks.length >= w.blocks) w.done(); return this.blocks.length < w.blocks; });
  }
  // The next so many seconds, or all since the beginning when no number is given.
  async recording(seconds) {
    await this.opened;
    const from = seconds ? this.blocks.length : 0;
    if (seconds && !this.stopped) await new Promise(done => { this.waiting.push({ blocks: from + Math.ceil(seconds * 10), done }); });
    return this.cut(from);
  }
  cut(from) {
    const blocks = this.blocks.slice(from), size = blocks[0]?.length ?? 0, bytes = new Uint8Array(blocks.length * size * 2);
    blocks.forEach((b, i) => bytes.set(new Uint8Array(b.buffer), i * size * 2));
    let text = '';
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return { rate: RATE, began: this.began + from * 100, pcm: btoa(text) };
  }
  async stop() {
    if (this.stopped) return;
    this.stopped = true;
    await this.opened;
    this.source?.disconnect(); this.node.disconnect(); this.node.port.close(); this.player.srcObject = null;
    this.waiting.forEach(w => w.done()); this.waiting = [];
  }
  forget() { this.blocks = []; }
}

// The wall clock, in ms since 1970, of a time of an AudioContext.
function wallClock(context, time) {
  const { contextTime, performanceTime } = context.getOutputTimestamp();
  return performance.timeOrigin + (performanceTime || performance.now()) + (time - (contextTime || context.currentTime)) * 1000;
}
