package configs

import (
	"maps"
	"slices"
	"strings"

	"roomline/signalling/permit"
)

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
