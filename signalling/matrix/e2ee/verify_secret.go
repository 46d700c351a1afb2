package e2ee

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// unpadded is how keys and hashes are written: unpadded (Matrix 1.18, appendices).
var unpadded = base64.RawStdEncoding

// ofBase64 reads base64 with or without padding, of exactly n bytes.
func ofBase64(text string, n int) ([]byte, bool) {
	if len(text) > 2*n+4 {
		return nil, false
	}
	b, err := unpadded.DecodeString(strings.TrimRight(text, "="))
	return b, err == nil && len(b) == n
}

// promiseOf is the hash by which a side binds itself to its key before it sees
// the other's (Matrix 1.18, "m.key.verification.accept", commitment).
func promiseOf(public *ecdh.PublicKey, start []byte) string {
	sum := sha256.Sum256(append([]byte(unpadded.EncodeToString(public.Bytes())), start...))
	return unpadded.EncodeToString(sum[:])
}

// exchange is the secret of both sides, and what they have told of themselves.
type exchange struct {
	id       string // of the transaction
	us, them Identity
	first    bool // we have begun
	mine     *ecdh.PrivateKey
	theirs   *ecdh.PublicKey
	shared   []byte
}

// short is what people compare (Matrix 1.18, "HKDF calculation" of
// curve25519-hkdf-sha256).
func (x exchange) short() (Short, error) {
	us := []string{x.us.User, x.us.Device, unpadded.EncodeToString(x.mine.PublicKey().Bytes())}
	them := []string{x.them.User, x.them.Device, unpadded.EncodeToString(x.theirs.Bytes())}
	all := append(us, them...)
	if !x.first {
		all = append(them, us...)
	}
	b, err := hkdf.Key(sha256.New, x.shared, nil, "MATRIX_KEY_VERIFICATION_SAS|"+strings.Join(append(all, x.id), "|"), 6)
	if err != nil {
		return Short{}, err
	}
	return shortOf([6]byte(b)), nil
}

// mac proves that one side has a key, or a list of their names (Matrix 1.18,
// "HKDF-HMAC-SHA256"; hkdf-hmac-sha256.v2).
func (x exchange) mac(by, to Identity, keyID, text string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, x.shared, nil, "MATRIX_KEY_VERIFICATION_MAC"+by.User+by.Device+to.User+to.Device+x.id+keyID, 32)
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil), nil
}

const (
	ed25519Prefix = "ed25519:"
	keyIDs        = "KEY_IDS"
)

// macs are our proofs: of our device's key, and of our user's master key.
func (x exchange) macs() (macContent, error) {
	keys := map[string]string{ed25519Prefix + x.us.Device: x.us.Key}
	if x.us.Master != "" {
		keys[ed25519Prefix+x.us.Master] = x.us.Master
	}
	content := macContent{MAC: map[string]string{}}
	var names []string
	for name, key := range keys {
		sum, err := x.mac(x.us, x.them, name, key)
		if err != nil {
			return content, err
		}
		content.MAC[name] = unpadded.EncodeToString(sum)
		names = append(names, name)
	}
	slices.Sort(names)
	sum, err := x.mac(x.us, x.them, keyIDs, strings.Join(names, ","))
	content.Keys = unpadded.EncodeToString(sum)
	return content, err
}

// proven checks the proofs of the other side, and tells whether its master key
// is among them. Its device's key has to be; names that we do not know are of
// no account.
func (x exchange) proven(content macContent) (master, ok bool) {
	var names []string
	for name := range content.MAC {
		names = append(names, name)
	}
	slices.Sort(names)
	if !x.fits(keyIDs, strings.Join(names, ","), content.Keys) {
		return false, false
	}
	proof, given := content.MAC[ed25519Prefix+x.them.Device]
	if !given || !x.fits(ed25519Prefix+x.them.Device, x.them.Key, proof) {
		return false, false
	}
	name := ed25519Prefix + x.them.Master
	if proof, master = content.MAC[name]; !master || x.them.Master == "" {
		return false, true
	}
	return true, x.fits(name, x.them.Master, proof)
}

func (x exchange) fits(name, text, proof string) bool {
	got, ok := ofBase64(proof, sha256.Size)
	want, err := x.mac(x.them, x.us, name, text)
	return ok && err == nil && hmac.Equal(got, want)
}
