// Package e2ee gives each Matrix user of ours one device, which encrypts for its rooms and reads what they say.
package e2ee
