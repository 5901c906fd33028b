// Package field reads the header fields that describe a part of a mail, in every way in
// which some mail reader reads them. It refuses nothing.
package field

import (
	"bytes"
	"strings"
)

// Kinds is a set of what the fields of a header say about a part. Fields may contradict
// one another.
type Kinds uint

const (
	// Multipart is multipart/*.
	Multipart Kinds = 1 << iota
	// Message is message/*, but for Partial.
	Message
	// Partial is message/partial.
	Partial
	// Sealed is encrypted with PGP/MIME (RFC 3156).
	Sealed
	// Text is text/*.
	Text
	// Other is every other type.
	Other
	// Named is a part with a file name, or an attachment.
	Named
)

// KindsOf returns what a Content-Type or a Content-Disposition says. value is in small
// letters.
func KindsOf(value []byte) Kinds {
	var k Kinds
	text := strings.TrimLeft(strings.ReplaceAll(string(value), "\x00", ""), " \t\r\n\"'")
	switch {
	case strings.HasPrefix(text, "multi"):
		k |= Multipart
	case strings.HasPrefix(text, "message/partial"):
		k |= Partial | Other
	case strings.HasPrefix(text, "message/"):
		k |= Message
	case strings.HasPrefix(text, "application/pgp-encrypted"):
		k |= Sealed | Other
	case strings.HasPrefix(text, "text"):
		k |= Text
	default:
		k |= Other
	}
	if bytes.Contains(value, []byte("name")) || bytes.Contains(value, []byte("attachment")) {
		k |= Named
	}
	return k
}

// Encodings is a set of encodings in which some reader decodes a part.
type Encodings uint

const (
	// Base64 is base64.
	Base64 Encodings = 1 << iota
	// Quoted is quoted-printable.
	Quoted
	// AsItIs is no encoding, or a spelling that some readers do not know.
	AsItIs
)

// EncodingOf returns the encodings that a Content-Transfer-Encoding may name. value may
// be the whole field. Some readers ignore quotes, comments and other characters in it.
func EncodingOf(value []byte) Encodings {
	lower := strings.ToLower(string(value))
	letters := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, lower)
	var e Encodings
	if strings.Contains(letters, "base64") {
		e |= Base64
	}
	if strings.Contains(letters, "quoted") || strings.Contains(letters, "printable") {
		e |= Quoted
	}
	if plain := strings.TrimSpace(lower); plain != "base64" && plain != "quoted-printable" {
		e |= AsItIs
	}
	return e
}
