package unpacktest

import (
	"fmt"
)

// SumTar corrects the checksum of a header.
func SumTar(h []byte) {
	copy(h[148:156], "        ")
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
}
