//go:build !race

package port

const dropped = 0
