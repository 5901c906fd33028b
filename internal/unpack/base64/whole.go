package base64

import (
	"bytes"

	"github.com/lazaret/lazaret/internal/unpack"
)

// wholeFormat returns the format of text that is base64 from its first line on. Nothing
// in it says so.
func wholeFormat() unpack.Format {
	return unpack.Format{
		Name:  "base64",
		Opens: "text that is base64 from its first line on",
		Match: func(_ unpack.Content, head []byte) bool { return isBase64(head) },
		Guess: true,
		Walk: func(v *unpack.Visitor, _ unpack.Content) error {
			_, err := Run(v, "base64", 0)
			return err
		},
	}
}

// isBase64 reports whether text consists of words in the alphabet of base64 that are
// longer on average than words of languages.
func isBase64(head []byte) bool {
	const minCharacters = 64
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	words := bytes.Fields(head)
	count := 0
	for _, word := range words {
		word = bytes.TrimRight(word, "=")
		for _, c := range word {
			if !inAlphabet(c) && !inURLAlphabet(c) {
				return false
			}
		}
		count += len(word)
	}
	return count >= minCharacters && count >= surelyBase64*len(words)
}
