package e2ee

import (
	"encoding/json"
	"slices"
	"strings"

	"maunium.net/go/mautrix/crypto/canonicaljson"
)

// The events of a verification (Matrix 1.18, "Key verification framework").
const (
	verifyPrefix  = "m.key.verification."
	verifyRequest = verifyPrefix + "request" // as an m.room.message its msgtype
	verifyReady   = verifyPrefix + "ready"
	verifyStart   = verifyPrefix + "start"
	verifyAccept  = verifyPrefix + "accept"
	verifyKey     = verifyPrefix + "key"
	verifyMAC     = verifyPrefix + "mac"
	verifyDone    = verifyPrefix + "done"
	verifyCancel  = verifyPrefix + "cancel"
)

// What is agreed on; everything older is refused.
const (
	methodSAS   = "m.sas.v1"
	agreement   = "curve25519-hkdf-sha256"
	hashName    = "sha256"
	macName     = "hkdf-hmac-sha256.v2"
	emojiName   = "emoji"
	decimalName = "decimal"
)

// Why a verification ends without success (Matrix 1.18, "m.key.verification.cancel").
const (
	codeUser        = "m.user"
	codeTimeout     = "m.timeout"
	codeUnknown     = "m.unknown_transaction"
	codeMethod      = "m.unknown_method"
	codeUnexpected  = "m.unexpected_message"
	codeKeys        = "m.key_mismatch"
	codeInvalid     = "m.invalid_message"
	codeAccepted    = "m.accepted"
	codeSAS         = "m.mismatched_sas"
	codeCommitment  = "m.mismatched_commitment"
	maxVerifyID     = 255 // bytes of an identifier of others
	maxVerifyList   = 32  // entries
	maxVerifyReason = 200 // bytes
)

// requestContent is m.key.verification.request, and m.key.verification.ready.
type requestContent struct {
	From      string   `json:"from_device"`
	Methods   []string `json:"methods"`
	Timestamp int64    `json:"timestamp"` // to a device only
	To        string   `json:"to"`        // in a room only
	MsgType   string   `json:"msgtype"`
}

type startContent struct {
	From       string   `json:"from_device"`
	Method     string   `json:"method"`
	Agreements []string `json:"key_agreement_protocols"`
	Hashes     []string `json:"hashes"`
	MACs       []string `json:"message_authentication_codes"`
	Shown      []string `json:"short_authentication_string"`
}

type acceptContent struct {
	Method     string   `json:"method,omitempty"`
	Agreement  string   `json:"key_agreement_protocol"`
	Hash       string   `json:"hash"`
	MAC        string   `json:"message_authentication_code"`
	Shown      []string `json:"short_authentication_string"`
	Commitment string   `json:"commitment"`
}

type keyContent struct {
	Key string `json:"key"`
}

type macContent struct {
	MAC  map[string]string `json:"mac"`
	Keys string            `json:"keys"`
}

type cancelContent struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// verifyLink is how an event names its transaction: to devices by an id of its
// own, in rooms by the event that asked.
type verifyLink struct {
	ID      string `json:"transaction_id"`
	Relates struct {
		Type  string `json:"rel_type"`
		Event string `json:"event_id"`
	} `json:"m.relates_to"`
}

// transactionOf names the transaction of an event; it is empty for none.
func transactionOf(content json.RawMessage, inRoom bool) string {
	var link verifyLink
	if json.Unmarshal(content, &link) != nil {
		return ""
	}
	name := link.ID
	if inRoom {
		name = link.Relates.Event
		if link.Relates.Type != "m.reference" {
			return ""
		}
	}
	return verifyName(name)
}

// verifyName is an identifier of others, or nothing if it is none.
func verifyName(name string) string {
	if len(name) > maxVerifyID || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return ""
	}
	return name
}

// linked adds what names the transaction to something of ours.
func linked(content any, id string, inRoom bool) map[string]any {
	all := map[string]any{}
	if b, err := json.Marshal(content); err == nil {
		_ = json.Unmarshal(b, &all) // what we have just written
	}
	if inRoom {
		all["m.relates_to"] = map[string]any{"rel_type": "m.reference", "event_id": id}
	} else {
		all["transaction_id"] = id
	}
	return all
}

// canonical writes the content of a start event as both sides hash it. In an
// encrypted room m.relates_to stands outside of what is encrypted, and is put
// back (Matrix 1.18, "m.room.encrypted").
func canonical(content json.RawMessage, id string, inRoom bool) ([]byte, error) {
	var all map[string]any
	d := json.NewDecoder(strings.NewReader(string(content)))
	d.UseNumber()
	if err := d.Decode(&all); err != nil {
		return nil, err
	}
	if _, there := all["m.relates_to"]; inRoom && !there {
		all["m.relates_to"] = map[string]any{"rel_type": "m.reference", "event_id": id}
	}
	return canonicaljson.Marshal(all)
}

// agrees tells whether a start event offers what we can do.
func (s startContent) agrees() bool {
	return s.Method == methodSAS && within(s.Agreements, agreement) && within(s.Hashes, hashName) && within(s.MACs, macName) &&
		(within(s.Shown, emojiName) || within(s.Shown, decimalName))
}

// agrees tells whether an accept event chose from what we had offered.
func (a acceptContent) agrees() bool {
	return a.Agreement == agreement && a.Hash == hashName && a.MAC == macName && (within(a.Shown, emojiName) || within(a.Shown, decimalName))
}

// within looks into a list that is not longer than any client writes.
func within(list []string, one string) bool {
	return len(list) <= maxVerifyList && slices.Contains(list, one)
}

// VerifyEvent tells whether an event belongs to a verification.
func VerifyEvent(eventType string, content json.RawMessage) bool {
	if eventType != "m.room.message" {
		return strings.HasPrefix(eventType, verifyPrefix)
	}
	var m requestContent
	return json.Unmarshal(content, &m) == nil && m.MsgType == verifyRequest
}
