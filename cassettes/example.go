package cassettes

import (
	"bytes"
	_ "embed"
	"fmt"
)

//go:embed example.yaml
var example []byte

// ExampleName is how messages call the built-in example.
const ExampleName = "the built-in example"

// Example returns the built-in cassette: Update Verification of Twilio's documented example resource,
// approved and canceled, and the errors that are hard to provoke for real.
func Example() (*Cassette, error) {
	c, err := read(ExampleName, bytes.NewReader(example))
	if err != nil {
		return nil, fmt.Errorf("read the built-in example: %w", err)
	}
	return c, nil
}
