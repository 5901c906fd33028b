package main

import (
	"math/rand/v2"
)

// text is the i-th file of size bytes: words of lower-case letters, different
// for each i. Files must differ, as the engine answers from its cache about
// what it has found clean before.
func text(i, size int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(i)))
	b := make([]byte, size)
	for n := range b {
		switch c := r.IntN(32); {
		case c < 26:
			b[n] = 'a' + byte(c)
		case c == 31 && n%7 == 0:
			b[n] = '\n'
		default:
			b[n] = ' '
		}
	}
	return b
}
