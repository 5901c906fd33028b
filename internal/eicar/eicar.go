// Package eicar holds the EICAR test file: 68 harmless bytes which every
// antivirus engine agrees to report (https://www.eicar.org/download-anti-malware-testfile/).
// It is the one place in the repository where the text is written, in parts, so
// that no scanner mistakes the source or the binaries for an infected file.
// Canaries, the test definitions, the demo and tests all take it from here.
package eicar

import "strings"

// Size is the length of the EICAR test file in bytes. Signatures made from a
// whole-file hash match only a file of exactly this length.
const Size = 68

// Bytes returns a fresh copy of the EICAR test file. It is put together at run
// time from parts in an order that the compiler cannot fold into one constant.
func Bytes() []byte {
	parts := []string{"$EICAR-STANDARD", "X5O!P%@AP[4\\PZX", "54(P^)7CC)7}", "!$H+H*", "-ANTIVIRUS-TEST-FILE"}
	order := []int{1, 2, 0, 4, 3}
	var b strings.Builder
	for _, i := range order {
		b.WriteString(parts[i])
	}
	return []byte(b.String())
}
