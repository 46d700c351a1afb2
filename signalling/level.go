package signalling

import "errors"

// Level is what a Matrix user may do. Each level includes those before it.
type Level uint8

// The levels.
const (
	None    Level = iota // nothing at all
	Receive              // be rung
	Dial                 // place calls too
	Admin                // everything, others' calls included
	levels
)

var levelNames = [levels]string{"none", "receive", "dial", "admin"}

func (l Level) String() string { return nameOf(levelNames[:], int(l)) }

// MarshalText writes the level as in the configuration file.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a level's name. Its error says what was expected.
func (l *Level) UnmarshalText(text []byte) error {
	for i, name := range levelNames {
		if name == string(text) {
			*l = Level(i)
			return nil
		}
	}
	return errors.New("none, receive, dial or admin")
}
