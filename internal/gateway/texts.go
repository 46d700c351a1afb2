package gateway

import (
	"context"

	"roomline/signalling"
)

// correspondent takes text messages.
type correspondent interface {
	Text(ctx context.Context, t signalling.Text) error
}

// readers says whose text messages are shown to whom; permit.Permit does it.
type readers interface {
	Read(from signalling.Party, to string) (signalling.Reason, bool)
}

// letters reads the numbers of text messages from trunks as reader does those
// of calls, and turns away whoever may not write.
type letters struct {
	correspondent
	reader reader
	may    readers
}

// Text implements sip.Correspondent.
func (l letters) Text(ctx context.Context, t signalling.Text) error {
	t.From.Number = l.reader.read(t.From.Number)
	target, _, ok := l.reader.plan.Find(signalling.Incoming{Via: t.Via, From: t.From, To: t.To})
	if !ok { // a rule may be for the number as the trunk writes it
		t.To.Number = l.reader.read(t.To.Number)
		target, _, ok = l.reader.plan.Find(signalling.Incoming{Via: t.Via, From: t.From, To: t.To})
	}
	if ok {
		if why, may := l.may.Read(t.From, target.To.User+target.Room); !may {
			return signalling.Undelivered(why)
		}
	}
	return l.correspondent.Text(ctx, t)
}
