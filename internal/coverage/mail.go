package coverage

import (
	"bufio"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
)

// mailHead is how a message begins: with one of the header fields that come
// first in practice.
var mailHead = regexp.MustCompile(`(?i)^(From |(Return-Path|Received|Delivered-To|From|To|Subject|Date|Message-ID|MIME-Version|Content-Type|X-[A-Za-z0-9-]{1,60}):)`)

func isMail(_ node, head []byte) bool { return mailHead.Match(head) }

// walkMail takes the attachments of a message, which the engine unpacks. Text
// that only looks like a message, and a message with odd parts, is no damaged
// container: so nothing is refused here but what is in a part.
func walkMail(w *walk, n node) error {
	in := bufio.NewReader(n.at(0, n.size))
	if line, err := in.Peek(5); err == nil && string(line) == "From " { // mbox
		if _, err := in.ReadSlice('\n'); err != nil {
			return nil
		}
	}
	m, err := mail.ReadMessage(in)
	if err != nil {
		return nil
	}
	return w.mailPart(n, textproto.MIMEHeader(m.Header), m.Body, 0)
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
	switch strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding"))) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body) // skips line ends
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	return w.stream(n, "part", &forgiving{r: body, forgive: true}, true)
}
