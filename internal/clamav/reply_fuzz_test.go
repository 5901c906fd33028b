package clamav

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// honestClean is written down a second time, in another way, on purpose.
var honestClean = regexp.MustCompile(`\Afd\[\d{1,10}\]: OK\x00\z`)

// FuzzParseReply: CLEAN is said for exactly one whole OK reply and for nothing
// else; an error comes alone; a signature is what the engine said.
func FuzzParseReply(f *testing.F) {
	for _, seed := range []string{
		"fd[11]: OK\x00", "fd[9]: Eicar FOUND\x00", "fd[9]: Heuristics.Limits.Exceeded.MaxFiles FOUND\x00",
		"fd[9]: Heuristics.Encrypted.Zip FOUND\x00", "fd[1]: Can't write to file ERROR\x00", "fd[1]: x ERROR\x00fd[1]: OK\x00",
		"fd[1]: A FOUND\nfd[1]: OK\x00", "", "\x00", "fd[11]: OK", "stream: OK\x00", "fd[1]: OK FOUND\x00", "fd[1]: \xff FOUND\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := parseReply(raw)
		if (got.Outcome == Clean) != honestClean.Match(raw) {
			t.Fatalf("parseReply(%q) = %+v, %v", raw, got, err)
		}
		if err != nil {
			if got != (Finding{}) || len(err.Error()) > 2048 {
				t.Fatalf("parseReply(%q) = %+v beside an error of %d bytes", raw, got, len(err.Error()))
			}
			return
		}
		switch got.Outcome {
		case Clean:
			if got.Signature != "" || got.Limit != "" {
				t.Errorf("parseReply(%q) = %+v", raw, got)
			}
		case Found, Limit, Encrypted:
			if strings.TrimSpace(got.Signature) == "" || !strings.HasSuffix(string(raw), "]: "+got.Signature+" FOUND\x00") {
				t.Errorf("parseReply(%q) made up signature %q", raw, got.Signature)
			}
			if got.Outcome != Found && !strings.HasPrefix(got.Signature, "Heuristics.") {
				t.Errorf("parseReply(%q) takes a signature for a heuristic", raw)
			}
		default:
			t.Errorf("parseReply(%q) has the outcome %q", raw, got.Outcome)
		}
		// Neither a second reply nor a lost end may change into an answer.
		for _, other := range [][]byte{raw[:len(raw)-1], append(slices.Clip(raw), raw...), append(slices.Clip(raw), "fd[1]: OK\x00"...)} {
			if got, err := parseReply(other); err == nil {
				t.Errorf("parseReply(%q) = %+v", other, got)
			}
		}
	})
}

// FuzzOutput: a fault that libclamav prints is noticed, whatever stands around
// it and however the pipe cuts it up, and nothing is kept without bound.
func FuzzOutput(f *testing.F) {
	f.Add([]byte("WARNING: x\n"), uint8(0), uint16(3))
	f.Add([]byte("LibClamAV Error: no space left on device"), uint8(3), uint16(1))
	f.Add([]byte(strings.Repeat("a", 3000)+"\n\n\n"), uint8(7), uint16(1000))
	f.Add([]byte("LibClamAV Warning: \xff\x00\r"), uint8(250), uint16(8192))
	f.Fuzz(func(t *testing.T, noise []byte, which uint8, piece uint16) {
		fault := "LibClamAV Error: " + faults[int(which)%len(faults)]
		text := string(noise) + "\n" + fault + "\n" + string(noise)
		step := max(int(piece), 1)
		var whole, cut output
		whole.keep(text)
		for rest := text; rest != ""; rest = rest[min(step, len(rest)):] {
			cut.keep(rest[:min(step, len(rest))])
		}
		if whole.fault == "" || whole.fault != cut.fault || whole.tail() != cut.tail() {
			t.Errorf("fault %q, in pieces of %d %q; last lines %q and %q", whole.fault, step, cut.fault, whole.tail(), cut.tail())
		}
		if len(cut.lines) > tailLines || len(cut.first) > headLines || len(cut.part) > lineMax || len(cut.tail()) > tailLines*(lineMax+2) {
			t.Errorf("kept %d and %d lines, and %d bytes of one", len(cut.lines), len(cut.first), len(cut.part))
		}
	})
}
