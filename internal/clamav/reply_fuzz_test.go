package clamav

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// exactlyOK is a second implementation of the rule for a clean reply.
var exactlyOK = regexp.MustCompile(`\Afd\[\d{1,10}\]: OK\x00\z`)

// FuzzParseReply checks that only exactly one OK reply is clean, that an error comes without a
// finding, and that a signature is the one in the reply.
func FuzzParseReply(f *testing.F) {
	for _, seed := range []string{
		"fd[11]: OK\x00", "fd[9]: Eicar FOUND\x00", "fd[9]: Heuristics.Limits.Exceeded.MaxFiles FOUND\x00",
		"fd[9]: Heuristics.Encrypted.Zip FOUND\x00", "fd[1]: Can't write to file ERROR\x00",
		"fd[1]: x ERROR\x00fd[1]: OK\x00",
		"fd[1]: A FOUND\nfd[1]: OK\x00", "", "\x00", "fd[11]: OK", "stream: OK\x00", "fd[1]: OK FOUND\x00",
		"fd[1]: \xff FOUND\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := parseReply(raw)
		if (got.Outcome == Clean) != exactlyOK.Match(raw) {
			t.Fatalf("parseReply(%q) = %+v, %v, want clean only for exactly that reply", raw, got, err)
		}
		if err != nil {
			if got != (Finding{}) || len(err.Error()) > 2048 {
				t.Fatalf(
					"parseReply(%q) = %+v beside an error of %d bytes, want no finding and a short error",
					raw,
					got,
					len(err.Error()),
				)
			}
			return
		}
		switch got.Outcome {
		case Clean:
			if got.Signature != "" || got.Limit != "" {
				t.Errorf("parseReply(%q) = %+v, want neither signature nor limit", raw, got)
			}
		case Found, Limit, Encrypted:
			if strings.TrimSpace(got.Signature) == "" || !strings.HasSuffix(string(raw), "]: "+got.Signature+" FOUND\x00") {
				t.Errorf("parseReply(%q) made up signature %q, want the one of the reply", raw, got.Signature)
			}
			if got.Outcome != Found && !strings.HasPrefix(got.Signature, "Heuristics.") {
				t.Errorf("parseReply(%q): got a heuristic, want a detection", raw)
			}
		default:
			t.Errorf("parseReply(%q) has the outcome %q, want a known one", raw, got.Outcome)
		}
		// A second reply, or a reply without its end, is an error.
		for _, other := range [][]byte{
			raw[:len(raw)-1], append(slices.Clip(raw), raw...), append(slices.Clip(raw), "fd[1]: OK\x00"...),
		} {
			if got, err := parseReply(other); err == nil {
				t.Errorf("parseReply(%q) = %+v, want an error", other, got)
			}
		}
	})
}

// FuzzOutput checks that a fault which libclamav prints is noticed, whatever is printed around it and
// however the pipe splits it, and that the memory for output is limited.
func FuzzOutput(f *testing.F) {
	f.Add([]byte("WARNING: x\n"), uint8(0), uint16(3))
	f.Add([]byte("LibClamAV Error: no space left on device"), uint8(3), uint16(1))
	f.Add([]byte(strings.Repeat("a", 3000)+"\n\n\n"), uint8(7), uint16(1000))
	f.Add([]byte("LibClamAV Warning: \xff\x00\r"), uint8(250), uint16(8192))
	f.Fuzz(func(t *testing.T, noise []byte, which uint8, piece uint16) {
		fault := "LibClamAV Error: " + faultTexts[int(which)%len(faultTexts)]
		text := string(noise) + "\n" + fault + "\n" + string(noise)
		step := max(int(piece), 1)
		var whole, cut output
		whole.keep(text)
		for rest := text; rest != ""; rest = rest[min(step, len(rest)):] {
			cut.keep(rest[:min(step, len(rest))])
		}
		if whole.fault == "" || whole.fault != cut.fault || whole.tail() != cut.tail() {
			t.Errorf(
				"fault %q, in pieces of %d %q; last lines %q and %q",
				whole.fault,
				step,
				cut.fault,
				whole.tail(),
				cut.tail(),
			)
		}
		if len(cut.lines) > tailLines || len(cut.first) > headLines || len(cut.part) > lineMax ||
			len(cut.tail()) > tailLines*(lineMax+2) {
			t.Errorf(
				"kept %d and %d lines, and %d bytes of one, want no more than the limits",
				len(cut.lines),
				len(cut.first),
				len(cut.part),
			)
		}
	})
}
