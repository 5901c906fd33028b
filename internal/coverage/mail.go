package coverage

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
)

// mailHead is a line of a message's header. Blank lines, a byte order mark or
// anything else may come first: the engine and some mail programs go on.
var mailHead = regexp.MustCompile(`(?im)^(\x{feff}?From |[A-Za-z][A-Za-z0-9-]{0,60}:[ \t\r\n])`)

func isMail(_ node, head []byte) bool { return mailHead.Match(head) && mailMark.Match(head) }

// mailMark are the fields of which a message has one among its first, and text
// that only has lines with colons has none.
var mailMark = regexp.MustCompile(`(?im)^\x{feff}?(From |(Return-Path|Received|Delivered-To|From|To|Subject|Date|Message-ID|MIME-Version|Content-Type|DKIM-Signature|ARC-Seal|X-[A-Za-z0-9-]{1,60}):)`)

// walkMail takes the attachments of a message, or of a folder of them, which the
// engine unpacks. Text that only looks like a message, and a message with odd
// parts, is no damaged container: so nothing is refused here but what is in a
// part.
func walkMail(w *walk, n node) error {
	head := make([]byte, min(n.size, headSize))
	if err := n.read(head, 0); err != nil {
		return err
	}
	at := mailHead.FindIndex(head)
	if at == nil {
		return nil
	}
	folder := bytes.HasPrefix(head[at[0]:], []byte("From "))
	var text io.Reader = n.at(int64(at[0]), n.size)
	if bytes.IndexByte(head, '\n') < 0 && bytes.IndexByte(head, '\r') >= 0 { // an old Mac's
		text = &feeds{text}
	}
	in := bufio.NewReaderSize(text, 32<<10)
	for {
		message := &untilFrom{in: in}
		if folder {
			_, err := in.ReadSlice('\n')
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
			}
			if err != nil {
				return nil
			}
		}
		body := in
		if folder {
			body = bufio.NewReader(message)
		}
		if skipped, _ := body.Peek(3); string(skipped) == "\xef\xbb\xbf" {
			_, _ = body.Discard(3)
		}
		if err := w.settle(n, w.message(n, body)); err != nil {
			return err
		}
		if !folder {
			return nil
		}
		if _, err := io.Copy(io.Discard, message); err != nil || message.end {
			return nil
		}
	}
}

// untilFrom is a message of an mbox: it ends before the next line that begins
// with "From ".
type untilFrom struct {
	in         *bufio.Reader
	rest       []byte
	begun, end bool
}

func (u *untilFrom) Read(p []byte) (int, error) {
	if len(u.rest) == 0 {
		head, _ := u.in.Peek(5)
		if u.begun && string(head) == "From " {
			return 0, io.EOF
		}
		line, err := u.in.ReadSlice('\n')
		u.begun = err == nil // else in the middle of a long line
		if len(line) == 0 && err != nil {
			u.end = true
			return 0, err
		}
		u.rest = line
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}
