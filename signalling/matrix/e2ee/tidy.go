package e2ee

import (
	"context"
	"errors"
	"time"
)

const (
	keepTime     = 30 * 24 * time.Hour // of a key that nobody speaks with any more
	withheldTime = 24 * time.Hour      // of what was said to be withheld
	hashTime     = 7 * 24 * time.Hour  // of an Olm message, in case it is repeated
	firstTidy    = time.Minute         // after the start
)

// tidy deletes old keys every day. It ends with quit; awaited by Close.
func (d *Devices) tidy() {
	timer := time.NewTimer(firstTidy)
	defer timer.Stop()
	for {
		select {
		case <-d.quit.Done():
			return
		case <-timer.C:
			d.trouble("delete old keys", d.prune(d.quit, time.Now()))
			timer.Reset(tidyEvery)
		}
	}
}

// prune deletes what is too old to be of use. The indices of a key go after the
// key itself, so that nothing that was said can be said again.
func (d *Devices) prune(ctx context.Context, now time.Time) error {
	now = now.UTC().Round(0)
	old, soon := now.Add(-keepTime), now.Add(24*time.Hour)
	var errs []error
	for _, s := range []struct {
		query string
		args  []any
	}{
		{`DELETE FROM crypto_megolm_inbound_session WHERE session IS NOT NULL AND (received_at IS NULL OR received_at < $1) AND NOT EXISTS
			(SELECT 1 FROM crypto_message_index i WHERE i.session_id = crypto_megolm_inbound_session.session_id AND i.timestamp > $2 AND i.timestamp < $3)`,
			[]any{old, old.UnixMilli(), soon.UnixMilli()}},
		{`DELETE FROM crypto_megolm_inbound_session WHERE session IS NULL AND received_at < $1`, []any{now.Add(-withheldTime)}},
		{`DELETE FROM crypto_message_index WHERE session_id NOT IN (SELECT session_id FROM crypto_megolm_inbound_session)`, nil},
		{`DELETE FROM crypto_megolm_outbound_session WHERE last_used < $1`, []any{old}},
		{`DELETE FROM crypto_megolm_outbound_session_shared WHERE session_id NOT IN (SELECT session_id FROM crypto_megolm_outbound_session)`, nil},
		{`DELETE FROM e2ee_share WHERE session_id NOT IN (SELECT session_id FROM crypto_megolm_outbound_session)`, nil},
		{`DELETE FROM crypto_olm_message_hash WHERE received_at < $1`, []any{now.Add(-hashTime).UnixMilli()}},
	} {
		_, err := d.part.Exec(ctx, s.query, s.args...)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// forget deletes all that a device knew, which is not ours any more.
func (d *Devices) forget(ctx context.Context, account string) error {
	return d.part.InTx(ctx, func(ctx context.Context) error {
		for _, query := range []string{
			`DELETE FROM crypto_olm_session WHERE account_id = $1`,
			`DELETE FROM crypto_olm_message_hash WHERE account_id = $1`,
			`DELETE FROM crypto_megolm_inbound_session WHERE account_id = $1`,
			`DELETE FROM crypto_megolm_outbound_session WHERE account_id = $1`,
			`DELETE FROM crypto_secrets WHERE account_id = $1`,
			`DELETE FROM crypto_account WHERE account_id = $1`,
		} {
			if _, err := d.part.Exec(ctx, query, account); err != nil {
				return err
			}
		}
		return nil
	})
}
