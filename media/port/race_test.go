//go:build race

package port

// dropped is what the race detector adds on purpose: it drops pooled buffers at
// random.
const dropped = 2
