package permit

import (
	"errors"
	"fmt"

	"roomline/signalling"
)

// Config says who may do what and how much of it.
type Config struct {
	Levels Levels `yaml:",inline"` // by user, server or "*"
	Limits Limits `yaml:"limits"`
}

// Limits bound what one user can spend and suffer. 0 means without a limit.
type Limits struct {
	CallsPerUser      int `yaml:"calls_per_user"`       // placed by one user, at once
	CallsPerMinute    int `yaml:"calls_per_minute"`     // placed by one user, in any 60 seconds
	MinutesPerUserDay int `yaml:"minutes_per_user_day"` // of talk in calls that one user placed, each UTC day
	RingsPerMinute    int `yaml:"rings_per_minute"`     // of one user by one caller, in any 60 seconds
}

// Defaults are limits that a person does not meet, and a thief soon does.
func Defaults() Config {
	return Config{Limits: Limits{CallsPerUser: 2, CallsPerMinute: 10, MinutesPerUserDay: 240, RingsPerMinute: 3}}
}

// Fill lets the users of a server dial where nobody is named at all.
func (c *Config) Fill(domain string) {
	if len(c.Levels) == 0 {
		c.Levels = Levels{everybody: signalling.None, domain: signalling.Dial}
	}
}

// Validate says which limit makes no sense.
func (l Limits) Validate() error {
	return errors.Join(
		within("calls_per_user", l.CallsPerUser, 1000),
		within("calls_per_minute", l.CallsPerMinute, maxRate),
		within("minutes_per_user_day", l.MinutesPerUserDay, 1_000_000),
		within("rings_per_minute", l.RingsPerMinute, maxRate))
}

// maxRate bounds what is remembered of one user, in moments.
const maxRate = 1000

func within(field string, n, most int) error {
	if n < 0 || n > most {
		return fmt.Errorf("%s: expected 0 (without a limit) to %d, found %d", field, most, n)
	}
	return nil
}
