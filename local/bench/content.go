package main

import (
	"encoding/binary"
	"math/rand/v2"
)

// text returns the i-th file of this size: words of lower-case letters, different for each i. The engine would answer
// from its cache about bytes that it has scanned before.
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

// noise returns the i-th file of random bytes of this size, which look like those of a compressed file.
func noise(i, size int) []byte {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(i))
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(b) // never returns an error
	return b
}
