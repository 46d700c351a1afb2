// Package gateway builds the parts in order and takes them down in reverse.
package gateway
