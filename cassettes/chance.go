package cassettes

import (
	"crypto/sha256"
	"encoding/binary"
)

// Chance returns a number from 0 up to, but not including, 1. It follows from its arguments alone, so it is the
// same in every run, however the requests of a run overtake each other. What says what is drawn for.
func Chance(seed uint64, what string, key Key, numbers ...int) float64 {
	b := make([]byte, 0, 128)
	b = appendField(b, what)
	b = append(b, key[:]...)
	b = binary.BigEndian.AppendUint64(b, seed)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	sum := sha256.Sum256(b)
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53) // a float64 has 53 bits
}
