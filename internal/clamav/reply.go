package clamav

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// maxReply is more than any honest reply needs, signature names being at most
// a few hundred bytes.
const maxReply = 64 << 10

// fdPrefix is how clamd names a file that came as a descriptor: by the number
// that it has in clamd, which says nothing to us.
var fdPrefix = regexp.MustCompile(`^fd\[[0-9]{1,10}\]: `)

// parseReply turns everything that clamd sent on one connection into a
// finding. Only one NUL-ended reply in exactly the form of FILDES is an
// answer; a second reply, a missing NUL or an unknown word is an error. The
// verdict is read from the end, because names could hold any of its words.
func parseReply(raw []byte) (Finding, error) {
	text, err := oneReply(raw)
	if err != nil {
		return Finding{}, err
	}
	prefix := fdPrefix.FindString(text)
	rest := text[len(prefix):]
	switch {
	case strings.HasSuffix(rest, " ERROR"):
		return Finding{}, fmt.Errorf("clamd answered %q", clip(text))
	case prefix == "":
		return Finding{}, fmt.Errorf("unknown reply %q", clip(text))
	case rest == "OK":
		return Finding{Outcome: Clean}, nil
	}
	signature, ok := strings.CutSuffix(rest, " FOUND")
	if !ok || strings.TrimSpace(signature) == "" {
		return Finding{}, fmt.Errorf("unknown reply %q", clip(text))
	}
	return classify(signature), nil
}

// oneReply checks the frame: 1 to maxReply bytes of text, then one NUL at the
// very end. Control characters are in no honest reply, and a line break would
// mean a second one.
func oneReply(raw []byte) (string, error) {
	switch {
	case len(raw) == 0:
		return "", errEmptyReply
	case len(raw) > maxReply:
		return "", fmt.Errorf("reply longer than %d bytes", maxReply)
	}
	switch i := bytes.IndexByte(raw, 0); {
	case i < 0:
		return "", fmt.Errorf("reply without its end: %q", clip(string(raw)))
	case i != len(raw)-1:
		return "", fmt.Errorf("more than one reply: %q", clip(string(raw)))
	}
	text := string(raw[:len(raw)-1])
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("control character in reply %q", clip(text))
	}
	return text, nil
}

var errEmptyReply = errors.New("empty reply")

const (
	limitPrefix     = "Heuristics.Limits.Exceeded"
	encryptedPrefix = "Heuristics.Encrypted."
	// dictionaryLimit is the one limit with a name of its own: an xz whose
	// dictionary the engine does not want to allocate is not unpacked.
	dictionaryLimit = "Heuristics.XZ.DicSizeLimit"
	// clamd adds this to whatever a loose signature file reports; a name with
	// it is a signature even if somebody called it like a heuristic.
	unofficialSuffix = ".UNOFFICIAL"
)

// classify tells detections from the engine's notes that it saw only a part.
// Other heuristics (phishing, macros ...) are detections.
func classify(signature string) Finding {
	f := Finding{Outcome: Found, Signature: signature}
	if strings.HasSuffix(signature, unofficialSuffix) {
		return f
	}
	if limit, ok := strings.CutPrefix(signature, limitPrefix); ok && (limit == "" || limit[0] == '.') {
		f.Outcome, f.Limit = Limit, strings.TrimPrefix(limit, ".")
	} else if signature == dictionaryLimit {
		f.Outcome, f.Limit = Limit, "DicSizeLimit"
	} else if strings.HasPrefix(signature, encryptedPrefix) {
		f.Outcome = Encrypted
	}
	return f
}

// clip keeps errors readable whatever the other side sent.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return s
}
