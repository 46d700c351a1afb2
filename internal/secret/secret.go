// Package secret keeps a configured secret out of everything that prints.
package secret

import "log/slog"

// Value is a secret string. However it is printed, logged or encoded, only a
// mask comes out; Reveal alone gives the text.
type Value string

const mask = "••••"

// Reveal returns the text itself, for the one place that needs it.
func (v Value) Reveal() string { return string(v) }

// Set tells whether there is a secret at all.
func (v Value) Set() bool { return v != "" }

// String masks the value for fmt.
func (v Value) String() string {
	if v == "" {
		return ""
	}
	return mask
}

// GoString masks the value for %#v.
func (v Value) GoString() string { return `"` + v.String() + `"` }

// LogValue masks the value for slog.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.String()) }

// MarshalText masks the value for JSON, YAML and every other text encoding.
func (v Value) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText takes the text as it is.
func (v *Value) UnmarshalText(b []byte) error { *v = Value(b); return nil }
