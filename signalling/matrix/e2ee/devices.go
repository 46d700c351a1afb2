package e2ee

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/util/dbutil"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"

	"roomline/internal/database"
	"roomline/internal/secret"
)

// Homeserver is the client-server API as the devices of our users see it.
// Many goroutines use it at once.
type Homeserver interface {
	// Client speaks as one of our users from one of its devices: with user_id
	// and device_id where we are an application service (MSC4326).
	Client(user, device string) *mautrix.Client
	// MakeDevice makes a device of one of our users exist (MSC4190). It may be
	// repeated, and does nothing for the device of an ordinary account.
	MakeDevice(ctx context.Context, user, device, name string) error
}

// Account is the one user of ours that is an ordinary account. Its device is
// there already, and its owner's own key signs it, not we.
type Account struct{ User, Device string }

// Config says how our devices behave.
type Config struct {
	Policy    Policy
	PickleKey secret.Value      // encrypts private keys in the database; empty: one that lies beside them
	Confirmed map[string]string // by user id, the master cross-signing key that somebody compared
	Name      string            // of the devices of our users, as others see them; empty: Roomline
	Account   *Account          // nil: every user of ours gets a device of its own
}

// Devices are the devices of our users: one for each.
type Devices struct {
	cfg   Config
	hs    Homeserver
	state crypto.StateStore
	part  *database.Part
	keys  *dbutil.Database // the library's own tables
	key   []byte           // pickles private keys
	log   *slog.Logger
	zlog  *zerolog.Logger

	ensuring keyed // by user
	loading  keyed // by user
	sealing  keyed // by user and room
	fetching keyed // by user

	lists   lists
	waiters waiters
	engaged engagements
	verify  func(ctx context.Context, user string, mach *crypto.OlmMachine, e *event.Event) // takes to-device messages about verifications; nil: they are ignored

	mu     sync.Mutex // guards what follows
	ours   map[string]row
	cached map[string]*device
	uses   uint64
	inbox  map[string]*inbox
	rooms  renewals
	closed bool

	quit   context.Context // done when closing
	cancel context.CancelFunc
	work   sync.WaitGroup
}

//go:embed upgrades/*.sql
var upgrades embed.FS

// New opens the keys of our devices. state tells how rooms are encrypted.
func New(ctx context.Context, cfg Config, db *database.DB, state crypto.StateStore, hs Homeserver, log *slog.Logger) (*Devices, error) {
	if err := cfg.Policy.Validate(); err != nil {
		return nil, err
	}
	part, err := db.Part(ctx, "e2ee", upgrades)
	if err != nil {
		return nil, err
	}
	keys := crypto.NewSQLCryptoStore(part.Database, dbutil.NoopLogger, "", "", nil).DB
	if err := db.Upgrade(ctx, "the keys", keys); err != nil {
		return nil, err
	}
	d := &Devices{cfg: cfg, hs: hs, state: state, part: part, keys: keys, log: log,
		cached: map[string]*device{}, inbox: map[string]*inbox{}}
	d.zlog = speaker(log)
	if err := d.open(ctx); err != nil {
		return nil, fmt.Errorf("open the keys: %w", err)
	}
	d.quit, d.cancel = context.WithCancel(context.Background())
	d.work.Go(d.tidy) // ends with quit; awaited by Close
	return d, nil
}

func (d *Devices) open(ctx context.Context) (err error) {
	// The library looks keys up by account alone; elsewhere and prune do not.
	if _, err := d.part.Exec(ctx, `CREATE INDEX IF NOT EXISTS e2ee_session ON crypto_megolm_inbound_session (session_id)`); err != nil {
		return err
	}
	if d.key, err = d.pickleKey(ctx); err != nil {
		return err
	}
	d.ours, err = d.rows(ctx)
	return err
}

// errClosed is the end of what is begun after Close.
var errClosed = errors.New("the keys are closed")

// Close ends what goes on and awaits it. Messages to devices that were not
// read yet are not done. It may be called twice.
func (d *Devices) Close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.cancel()
	d.work.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for user, dev := range d.cached {
		dev.mach.Destroy()
		delete(d.cached, user)
	}
	return nil
}

// name is how our devices are listed.
func (d *Devices) name() string {
	if d.cfg.Name != "" {
		return d.cfg.Name
	}
	return "Roomline"
}

const (
	homeserverTime = 30 * time.Second // for one thing that is done without being asked for
	tidyEvery      = 24 * time.Hour
)
