package configs

import _ "embed"

//go:embed example.yaml
var example string

// Example is the annotated configuration file, with every key there is. Each
// optional value in it is the default.
func Example() []byte { return []byte(example) }
