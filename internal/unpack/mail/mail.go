// Package mail opens the parts of messages (RFC 5322, RFC 2045), of folders of messages
// (mbox) and of saved web pages (MHTML).
//
// Mail readers differ in what they take for a boundary, for the end of a header and for
// an encoding. So the package collects what any reader may take for a boundary (package
// field), finds every part behind a delimiter of any boundary (index.go, scan.go), and
// shows each part in every way in which it may end and be decoded (walker.go, part.go).
//
// Mails encrypted with PGP/MIME, parts of messages in several mails, and mails with too
// many parts or boundaries are refused. A mail is not refused for damage, because many
// texts look like one; what is in its parts is.
package mail

import (
	"bytes"
	"regexp"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/base64"
	"github.com/lazaret/lazaret/internal/unpack/mail/field"
)

// Format returns the format of messages and of folders of messages.
func Format() unpack.Format {
	return unpack.Format{
		Name: "mail",
		Opens: "every part, in every encoding, behind every delimiter that some mail reader recognises; folders and MHTML; " +
			"PGP/MIME is `encrypted`, `message/partial` is refused",
		Match: matches,
		Walk:  walk,
		Marks: []unpack.Mark{{Text: "Content-Transfer-Encoding", Fold: true, Start: true, Open: partAt}},
	}
}

// headerLine matches a line of a header. Other lines may precede it.
var headerLine = regexp.MustCompile(`(?im)^(\x{feff}?From |[A-Za-z][A-Za-z0-9-]{0,60}[ \t]*:[ \t\r\n])`)

// mailField matches the fields of which every message has one. Texts with other lines
// that have a colon are not taken for mails.
var mailField = regexp.MustCompile(`(?im)^\x{feff}?(From |(Return-Path|Received|Delivered-To|From|To|Subject|Date|` +
	`Message-ID|MIME-Version|Content-(?:Type|Transfer-Encoding|Disposition)|DKIM-Signature|ARC-Seal|` +
	`X-[A-Za-z0-9-]{1,60})[ \t]*:)`)

// matches reports whether head begins a mail.
func matches(_ unpack.Content, head []byte) bool {
	head = normalized(head)
	return headerLine.Match(head) && mailField.Match(head)
}

// normalized returns head with line feeds for carriage returns, and without zeros,
// which many readers drop.
func normalized(head []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(head, []byte{'\r'}, []byte{'\n'}), []byte{0}, nil)
}

// walk shows the parts of a mail. Where carriage returns are not followed by line
// feeds, it is read with these as ends of lines too.
func walk(v *unpack.Visitor, c unpack.Content) error {
	lone, err := hasLoneReturns(c)
	if err != nil {
		return v.Refuse(err)
	}
	if err := walkLines(v, c, false); err != nil || !lone {
		return err
	}
	return walkLines(v, c, true)
}

// partAt shows a part in base64 within text that is not a mail. The field with the
// part's encoding is at an offset.
func partAt(v *unpack.Visitor, at int64) (int64, error) {
	c := v.Content()
	if matches(c, c.Peek(0, unpack.HeadSize)) {
		return 0, nil // walk shows it
	}
	head := c.Peek(at, 8<<10)
	if end := bytes.IndexAny(head, "\r\n"); end < 0 || field.EncodingOf(head[:end])&field.Base64 == 0 {
		return 0, nil
	}
	blank := blankLine.FindIndex(head)
	if blank == nil {
		return 0, nil
	}
	return base64.Run(v, "part", at+int64(blank[1]))
}

var blankLine = regexp.MustCompile(`(?:\r\n|\n|\r)[ \t]*(?:\r\n|\n|\r)`)
