package coverage

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
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
	in := bufio.NewReader(n.at(int64(at[0]), n.size))
	for {
		message := &untilFrom{in: in}
		if folder {
			if _, err := in.ReadSlice('\n'); err != nil {
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
		if err := w.settle(n, w.message(n, body, 0)); err != nil {
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

// maxMailHead is more than a mail server takes of headers, which are read into
// memory whole.
const maxMailHead = 16 << 20

// message takes one message; what has no header like one is nothing.
func (w *walk) message(n node, r io.Reader, depth int) error {
	head := &io.LimitedReader{R: r, N: maxMailHead}
	m, err := mail.ReadMessage(head)
	if head.N <= 0 {
		return tooWide("mail with a header of more than %d bytes", maxMailHead)
	}
	if err != nil {
		return nil
	}
	head.N = math.MaxInt64
	return w.mailPart(n, textproto.MIMEHeader(m.Header), m.Body, depth)
}

// maxMailDepth is more than any mail program nests parts.
const maxMailDepth = 10

func (w *walk) mailPart(n node, h textproto.MIMEHeader, body io.Reader, depth int) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err == nil && strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" && depth < maxMailDepth {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err != nil { // the end, or something that no reader finds its way out of either
				return nil
			}
			if err := w.settle(n, w.mailPart(n, p.Header, p, depth+1)); err != nil {
				return err
			}
		}
	}
	encoding := strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding")))
	if err == nil && kind == "message/rfc822" && depth < maxMailDepth && encoding != "base64" && encoding != "quoted-printable" {
		return w.message(n, body, depth+1)
	}
	switch encoding {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body) // skips line ends
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	default:
		if depth == 0 { // text, of which look has seen all
			return nil
		}
	}
	return w.stream(n, "part", &forgiving{r: body, forgive: true}, true)
}
