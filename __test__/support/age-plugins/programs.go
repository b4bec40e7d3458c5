//go:build tools

// Package programs names the programs of the newest age, which tools/recipes.js builds: age with post-quantum keys, and
// plugins that bring these to an age without them.
package programs

import (
	_ "filippo.io/age/cmd/age"
	_ "filippo.io/age/cmd/age-keygen"
	_ "filippo.io/age/extra/age-plugin-pq"
	_ "filippo.io/age/extra/age-plugin-tag"
)
