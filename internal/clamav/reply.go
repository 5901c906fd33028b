package clamav

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/lazaret/lazaret/internal/excerpt"
)

// maxReply is the most bytes of a reply. Names of signatures have a few hundred at most.
const maxReply = 64 << 10

// quoteLimit is how many bytes of clamd's output an error quotes.
const quoteLimit = 200

// fdPrefix matches how clamd names a file that it got as a descriptor: by the descriptor's number in
// clamd.
var fdPrefix = regexp.MustCompile(`^fd\[[0-9]{1,10}\]: `)

// parseReply turns all that clamd sent on one connection into a finding. Only one reply in exactly the
// form of FILDES, with a NUL at its end, is an answer; a second reply, a missing NUL or an unknown
// word is an error. The result is read from the end, because a name could contain any of the words.
func parseReply(raw []byte) (Finding, error) {
	text, err := oneReply(raw)
	if err != nil {
		return Finding{}, err
	}
	prefix := fdPrefix.FindString(text)
	if prefix == "" && !strings.HasSuffix(text, " ERROR") {
		return Finding{}, fmt.Errorf("unknown reply %q", excerpt.Cut(text, quoteLimit))
	}
	return parseResult(text[len(prefix):], text)
}

// parseResult turns what follows the name of the file in a reply into a finding.
func parseResult(result, reply string) (Finding, error) {
	switch {
	case strings.HasSuffix(result, " ERROR"):
		return Finding{}, fmt.Errorf("clamd answered %q", excerpt.Cut(reply, quoteLimit))
	case result == "OK":
		return Finding{Outcome: Clean}, nil
	}
	signature, ok := strings.CutSuffix(result, " FOUND")
	if !ok || strings.TrimSpace(signature) == "" {
		return Finding{}, fmt.Errorf("unknown reply %q", excerpt.Cut(reply, quoteLimit))
	}
	return classify(signature), nil
}

// oneReply checks the form: 1 to maxReply bytes of text, then one NUL at the very end. No reply
// contains control characters; a line break would mean a second reply.
func oneReply(raw []byte) (string, error) {
	switch {
	case len(raw) == 0:
		return "", errEmptyReply
	case len(raw) > maxReply:
		return "", fmt.Errorf("reply longer than %d bytes", maxReply)
	}
	switch i := bytes.IndexByte(raw, 0); {
	case i < 0:
		return "", fmt.Errorf("reply without its end: %q", excerpt.Cut(string(raw), quoteLimit))
	case i != len(raw)-1:
		return "", fmt.Errorf("more than one reply: %q", excerpt.Cut(string(raw), quoteLimit))
	}
	text := string(raw[:len(raw)-1])
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("control character in reply %q", excerpt.Cut(text, quoteLimit))
	}
	return text, nil
}

var errEmptyReply = errors.New("empty reply")

const (
	limitPrefix     = "Heuristics.Limits.Exceeded"
	encryptedPrefix = "Heuristics.Encrypted."
	// dictionaryLimit is the only limit with another name: an xz with a dictionary larger than the engine
	// allocates is not unpacked.
	dictionaryLimit = "Heuristics.XZ.DicSizeLimit"
	// clamd adds this to every signature of a loose file. A name with it is a signature, also if it begins
	// like a heuristic.
	unofficialSuffix = ".UNOFFICIAL"
)

// classify distinguishes detections from the heuristics which say that the engine saw only a part of
// the file. Other heuristics (phishing, macros and so on) are detections.
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
