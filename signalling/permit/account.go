package permit

import (
	"slices"
	"time"

	"roomline/signalling"
)

// account is what one user has going on today.
type account struct {
	live []time.Time   // when each of the calls that are alive was placed
	used time.Duration // talked today in calls that are over
}

// spent is what was talked today, calls that still go on included.
func (a *account) spent(now time.Time) time.Duration {
	spent := a.used
	for _, placed := range a.live {
		spent += now.Sub(placed)
	}
	return spent
}

// accounts are the users who have something going on, or talked today.
type accounts struct {
	day  string // of UTC: 2006-01-02
	user map[string]*account
}

func newAccounts(now time.Time) *accounts {
	return &accounts{day: dayOf(now), user: map[string]*account{}}
}

func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// turn begins a new day when it is one.
func (a *accounts) turn(now time.Time) {
	day := dayOf(now)
	if day == a.day {
		return
	}
	a.day = day
	for user, account := range a.user {
		account.used = 0
		a.tidy(user)
	}
}

// of is a user's account, which is opened if there is none.
func (a *accounts) of(user string) *account {
	if a.user[user] == nil {
		a.user[user] = &account{}
	}
	return a.user[user]
}

// tidy forgets a user who has nothing going on and talked nothing today.
func (a *accounts) tidy(user string) {
	if acc := a.user[user]; acc != nil && len(acc.live) == 0 && acc.used == 0 {
		delete(a.user, user)
	}
}

// enter counts a call of a user, unless that were too many. What it returns
// is called when the call is over, and counts once.
func (p *Permit) enter(user string) (leave func(talked time.Duration), why *refusal) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accounts.turn(now)
	defer p.accounts.tidy(user)
	acc := p.accounts.of(user)
	if why = p.over(acc, user, now); why != nil {
		return nil, why
	}
	acc.live = append(acc.live, now)
	over := false // guarded by mu
	return func(talked time.Duration) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !over {
			over = true
			p.left(user, acc, now, talked)
		}
	}, nil
}

// over says which limit another call of a user would break. It is called with
// mu held.
func (p *Permit) over(acc *account, user string, now time.Time) *refusal {
	l := p.limits
	switch day := time.Duration(l.MinutesPerUserDay) * time.Minute; {
	case l.CallsPerUser > 0 && len(acc.live) >= l.CallsPerUser:
		return forbid(ByCalls, "you already have %s", count(l.CallsPerUser, "call"))
	case day > 0 && acc.spent(now) >= day:
		return forbid(ByMinutes, "your %s for today are used up", count(l.MinutesPerUserDay, "minute"))
	case len(p.accounts.user) > maxKeys && len(acc.live) == 0 && acc.used == 0:
		return &refusal{ByCalls, signalling.Reason{Cause: signalling.Congestion}}
	case !p.placed.take(user, now):
		return forbid(ByRate, "you placed %s within a minute; wait a little", count(l.CallsPerMinute, "call"))
	}
	return nil
}

// left settles a call that is over. It is called with mu held.
func (p *Permit) left(user string, acc *account, placed time.Time, talked time.Duration) {
	p.accounts.turn(time.Now())
	if i := slices.Index(acc.live, placed); i >= 0 {
		acc.live = slices.Delete(acc.live, i, i+1)
	}
	if talked > 0 && p.limits.MinutesPerUserDay > 0 {
		acc.used += talked
		p.book.note(p.accounts.day, user, acc.used)
	}
	p.accounts.tidy(user)
}
