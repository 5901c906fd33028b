// Package eicar holds the EICAR test file: 68 harmless bytes that every antivirus engine reports
// (https://www.eicar.org/download-anti-malware-testfile/). No other file of the repository contains
// the text, and this one has it in parts, so that no scanner reports the source or the programs.
// Canaries, the test definitions, the demo and tests take it from here.
package eicar

import "strings"

// Size is the length of the EICAR test file in bytes. Signatures of a whole file's hash match only a
// file of this length.
const Size = 68

// Bytes returns a new copy of the EICAR test file. It joins the parts at run time, in an order that
// the compiler cannot fold into one constant.
func Bytes() []byte {
	parts := []string{"$EICAR-STANDARD", "X5O!P%@AP[4\\PZX", "54(P^)7CC)7}", "!$H+H*", "-ANTIVIRUS-TEST-FILE"}
	order := []int{1, 2, 0, 4, 3}
	var b strings.Builder
	for _, i := range order {
		b.WriteString(parts[i])
	}
	return []byte(b.String())
}
