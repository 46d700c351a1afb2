// An AudioWorklet that hands what it hears to the page, a tenth of a second at a time,
// with the context's time at which the stretch began. No input counts as silence.
registerProcessor('recorder', class extends AudioWorkletProcessor {
  constructor() { super(); this.block = new Int16Array(Math.round(sampleRate / 10)); this.fill = 0; }
  process(inputs) {
    const heard = inputs[0][0];
    if (this.fill === 0) this.began = currentTime;
    for (let i = 0; i < 128; i++) {
      this.block[this.fill++] = heard ? Math.max(-1, Math.min(1, heard[i])) * 32767 : 0;
      if (this.fill === this.block.length) {
        this.port.postMessage({ began: this.began, pcm: this.block.slice() });
        this.fill = 0; this.began = currentTime + (i + 1) / sampleRate;
      }
    }
    return true;
  }
});
