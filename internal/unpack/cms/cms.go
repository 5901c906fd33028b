// Package cms opens messages of S/MIME, CMS (RFC 5652) and PKCS #7 that are not
// encrypted: signed messages, which may have the content that is signed, and
// digested, compressed, time-stamped and plain ones. Encrypted messages are refused.
// A message that cannot be read is refused as damaged.
package cms

import (
	"compress/zlib"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
)

// Content types of messages: the values of their object identifiers in DER.
const (
	pkcs7 = "\x2a\x86\x48\x86\xf7\x0d\x01\x07"         // 1.2.840.113549.1.7
	smime = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01" // 1.2.840.113549.1.9.16.1

	data               = pkcs7 + "\x01"
	signed             = pkcs7 + "\x02"
	enveloped          = pkcs7 + "\x03"
	signedAndEnveloped = pkcs7 + "\x04" // PKCS #7 1.5
	digested           = pkcs7 + "\x05"
	encrypted          = pkcs7 + "\x06"
	authenticated      = smime + "\x02"
	compressed         = smime + "\x09" // RFC 3274
	authEnveloped      = smime + "\x17" // RFC 5083
	timeStamped        = smime + "\x1f" // RFC 5544
)

func contentTypes() []string {
	return []string{
		data, signed, enveloped, signedAndEnveloped, digested, encrypted, authenticated, compressed, authEnveloped,
		timeStamped,
	}
}

// Format returns the CMS format.
func Format() unpack.Format {
	return unpack.Format{
		Name:  "CMS",
		Opens: "signed, digested, compressed, time-stamped and plain content; encrypted messages are refused",
		Match: func(c unpack.Content, head []byte) bool {
			if len(head) < minMessage || head[0] != tagSequence {
				return false
			}
			_, ok := messageOf(c)
			return ok
		},
		Scattered: true, // the content may be in pieces
		Walk:      walk,
	}
}

// minMessage is in bytes. Shorter messages have no content.
const minMessage = 24

// message is the outer structure of a message (ContentInfo, RFC 5652, 3).
type message struct {
	kind string // one of contentTypes
	rest int64  // offset behind the type
}

// messageOf reads the beginning of a message. ok is false where c is not one.
func messageOf(c unpack.Content) (m message, ok bool) {
	outer, ok := elementAt(c, 0)
	if !ok || outer.tag != tagSequence {
		return m, false
	}
	kind, ok := elementAt(c, outer.body)
	if !ok || kind.tag != tagObjectIdentifier || kind.end < 0 {
		return m, false
	}
	const longest = int64(len(smime)) + 1
	m = message{kind: string(c.Peek(kind.body, int(min(kind.end-kind.body, longest+1)))), rest: kind.end}
	return m, slices.Contains(contentTypes(), m.kind)
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	m, _ := messageOf(c)
	switch m.kind {
	case enveloped, signedAndEnveloped, encrypted, authEnveloped:
		return unpack.Encrypted("encrypted CMS message")
	}
	at, err := m.content(c)
	if err != nil || at == 0 { // without content it is a signature, or certificates
		return err
	}
	content := newOctets(c, at)
	if m.kind != compressed {
		return v.Stream("content", content)
	}
	z, err := zlib.NewReader(content)
	if err != nil {
		return unpack.Damaged("unpack CMS message: %v", err)
	}
	return v.Stream("content", z)
}

// content returns the offset of the octet string that a message contains, or 0 where
// it contains none. The error is a Refusal.
func (m message) content(c unpack.Content) (int64, error) {
	damaged := unpack.Damaged("CMS message whose structure cannot be read")
	explicit, ok := elementAt(c, m.rest)
	switch {
	case !ok || explicit.tag != tagContext0: // the content is optional
		return 0, nil
	case m.kind == data:
		return explicit.body, nil
	}
	body, ok := elementAt(c, explicit.body)
	if !ok {
		return 0, damaged
	}
	const maxParts = 8 // at most five parts precede the content
	at := body.body
	for range maxParts {
		if body.end >= 0 && at >= body.end {
			return 0, nil
		}
		e, ok := elementAt(c, at)
		if !ok {
			return 0, damaged
		}
		switch e.tag {
		case tagEndOfContents:
			return 0, nil
		case tagOctetString, tagOctetStrings: // in a time-stamped message
			return at, nil
		case tagSequence: // EncapsulatedContentInfo, or an algorithm
			if inner, ok := encapsulated(c, e); ok {
				return inner, nil
			}
		}
		if at, ok = e.after(c); !ok {
			return 0, damaged
		}
	}
	return 0, nil
}

// encapsulated returns the offset of the octet string in an EncapsulatedContentInfo
// (RFC 5652, 5.2). ok is false where e is not one, or has no content.
func encapsulated(c unpack.Content, e element) (at int64, ok bool) {
	kind, ok := elementAt(c, e.body)
	if !ok || kind.tag != tagObjectIdentifier {
		return 0, false
	}
	if at, ok = kind.after(c); !ok || e.end >= 0 && at >= e.end {
		return 0, false
	}
	explicit, ok := elementAt(c, at)
	if !ok || explicit.tag != tagContext0 {
		return 0, false
	}
	inner, ok := elementAt(c, explicit.body)
	return explicit.body, ok && (inner.tag == tagOctetString || inner.tag == tagOctetStrings)
}
