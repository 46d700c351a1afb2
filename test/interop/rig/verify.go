package rig

import "context"

// Short is what a client shows to be compared in a verification.
type Short struct {
	Names    []string `json:"names"` // of the emoji
	Decimals []int    `json:"decimals"`
}

// Verify begins a verification of somebody in a room, and returns what the
// client shows.
func (u *User) Verify(ctx context.Context, room, user string) (s Short, err error) {
	return s, u.do(ctx, &s, "verify", map[string]any{"room": room, "user": user})
}

// VerifyDevice begins a verification of one device, and returns what the client shows.
func (u *User) VerifyDevice(ctx context.Context, user, device string) (s Short, err error) {
	return s, u.do(ctx, &s, "verifyDevice", map[string]any{"user": user, "device": device})
}

// ExpectVerification has the client hear of requests from now on.
func (u *User) ExpectVerification(ctx context.Context) error {
	return u.do(ctx, nil, "expectVerification", nil)
}

// AcceptVerification takes the next request of somebody else, and returns what
// the client shows.
func (u *User) AcceptVerification(ctx context.Context) (s Short, err error) {
	return s, u.do(ctx, &s, "acceptVerification", nil)
}

// Matches tells the client that both sides show the same, or not.
func (u *User) Matches(ctx context.Context, same bool) error {
	return u.do(ctx, nil, "matches", same)
}

// Verified returns when the client takes the verification for done. An error
// says with which code it was cancelled.
func (u *User) Verified(ctx context.Context) error { return u.do(ctx, nil, "verified", nil) }

// Knows tells whether the user has verified somebody.
func (u *User) Knows(ctx context.Context, user string) (is bool, err error) {
	return is, u.do(ctx, &is, "knows", user)
}
