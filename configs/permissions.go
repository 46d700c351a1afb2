package configs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"roomline/signalling"
	"roomline/signalling/permit"
)

// rung reports a user whom a route rings, and who may not be.
func (d *decoder) rung(c *Config, path, user string) {
	if strings.HasPrefix(user, "@") && permit.Named(user) == nil && c.Permissions.Levels.Of(user) < signalling.Receive {
		d.found(path, fmt.Sprintf("expected a user who may be rung, found %s; write `%q: receive` under permissions", short(user), short(user)))
	}
}

// permissions holds the names to what users and servers can be called.
func (d *decoder) permissions(c *Config) {
	for _, name := range slices.Sorted(maps.Keys(c.Permissions.Levels)) {
		path := join("permissions", name)
		if err := permit.Named(name); err != nil && !d.known(path) {
			expected, found, _ := strings.Cut(strings.TrimPrefix(err.Error(), "expected "), ", found ")
			d.expected(d.where(path), "permissions."+short(name), expected, found)
		}
	}
	d.owner("permissions.limits", c.Permissions.Limits.Validate())
}
