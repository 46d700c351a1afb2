package media

// Handshake is how the keys of a stream come about where they are not in its
// description: by DTLS (RFC 5763), with a far end that is known by its
// certificate. The zero value is not at all.
type Handshake struct {
	Fingerprint string // of the far end's certificate: SHA-256 in upper-case hexadecimal pairs, with colons
	Client      bool   // we begin it
}

// On tells whether there is one at all.
func (h Handshake) On() bool { return h.Fingerprint != "" }
