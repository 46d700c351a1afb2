package matrix

import (
	"context"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
)

// vault keeps the devices of our users and their keys; e2ee.Devices does it.
// Nil encrypts and reads nothing.
type vault interface {
	// Ensure makes the device of one of our users and publishes its keys. Done
	// once, it costs a look into memory.
	Ensure(ctx context.Context, user string) error
	// Seal encrypts an event of one of our users for the devices of a room's
	// members. It is asked for them when a key is to be shared.
	Seal(ctx context.Context, user, room, eventType string, content any, members func(context.Context) ([]string, error)) (*event.EncryptedEventContent, error)
	// Open reads an m.room.encrypted event as one of our users. What it returns
	// tells in its Mautrix field which device wrote it. The errors are those
	// of package e2ee; with e2ee.Untrusted the event may be there all the same,
	// to be refused. It may ask the homeserver for a new device's keys.
	Open(ctx context.Context, user string, e *event.Event) (*event.Event, error)
	// Await waits until the key of an event that Open could not read has come,
	// or ctx is done, and tells which.
	Await(ctx context.Context, user string, e *event.Event) bool
	// ToDevice takes a message to a device of ours, in the order of the calls,
	// without waiting. done is called once it need not be kept any more.
	ToDevice(user, device string, e *event.Event, done func())
	// Counted takes how many one-time keys the homeserver has left, and which
	// fallback keys nobody has used yet (nil: it did not say). It does not wait.
	Counted(left mautrix.OTKCount, fallbacks []string)
	// Changed notes that users have other devices than before. It does not wait.
	Changed(users []string)
	// Renew lets the next event of ours in a room be under a new key: somebody
	// has left, or come. It does not wait.
	Renew(room string)
	// Close ends what goes on; it may be called twice.
	Close() error
}
