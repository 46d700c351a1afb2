package turn

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"roomline/internal/secret"
)

// Secret makes and checks time-limited credentials by the TURN REST scheme
// (draft-uberti-behave-turn-rest-00 §2.2), as homeservers do for
// GET /_matrix/client/v3/voip/turnServer. It prints as a mask.
type Secret struct{ secret.Value }

// Credentials lets user in until ttl after now.
func (s Secret) Credentials(user string, ttl time.Duration, now time.Time) (username, password string) {
	username = strconv.FormatInt(now.Add(ttl).Unix(), 10) + ":" + user
	return username, s.password(username)
}

func (s Secret) password(username string) string {
	mac := hmac.New(sha1.New, []byte(s.Reveal()))
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// fresh is the password of a username that has not expired at now. The name of
// the user may itself contain colons, as a Matrix id does.
func (s Secret) fresh(username string, now time.Time) (password string, ok bool) {
	expiry, _, _ := strings.Cut(username, ":")
	until, err := strconv.ParseInt(expiry, 10, 64)
	if err != nil || now.Unix() >= until {
		return "", false
	}
	return s.password(username), true
}
