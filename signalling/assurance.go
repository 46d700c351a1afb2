package signalling

import "strings"

// Assurance is how far a caller's number can be believed, beyond that whoever
// brings the call says so.
type Assurance uint8

// The assurances. The zero value is that of a network which is trusted, and
// says nothing of its own about the number.
const (
	Trusted    Assurance = iota
	Unverified           // it is what the caller says
	Verified             // a carrier has signed that it is the caller's (RFC 8588, attestation A)
	Doubtful             // a signature over it did not hold
)

// String is the word of 3GPP TS 24.229 §7.2A.20, "" for what it has no word for.
func (a Assurance) String() string {
	return [...]string{"", "No-TN-Validation", "TN-Validation-Passed", "TN-Validation-Failed"}[a]
}

// Screened tells whether somebody other than the caller answers for the number.
func (a Assurance) Screened() bool { return a == Trusted || a == Verified }

// remark says the same to people, "" where there is nothing to say.
func (a Assurance) remark() string {
	return [...]string{"", "number not verified", "number verified", "the number may be forged"}[a]
}

// Remark is what people should know of a caller besides name and number, in
// words to be set after them: " (forwarded from +49 30 1; number verified)". It
// is "" where there is nothing to say. write is how a number is written.
func (p Party) Remark(write func(string) string) string {
	var words []string
	if p.Forwarder != "" {
		words = append(words, "forwarded from "+write(p.Forwarder))
	}
	if r := p.Assured.remark(); r != "" && p.Number != "" && !p.Hidden {
		words = append(words, r)
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, "; ") + ")"
}
