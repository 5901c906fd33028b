// Package pdf opens PDFs: it shows every stream as a reader unpacks it, and scripts that
// are strings. PDFs that need a password, attachments with unknown filters, and PDFs that
// were cut off are refused. Sections in comments without a standard are those of ISO
// 32000-2.
//
// A PDF is a list of numbered objects. A stream is an object with data, and its
// dictionary names the filters that unpack the data. Readers find objects by a table at
// the end of the file or, where the table is wrong, by a search, so that a hostile PDF
// has other content for each reader. This package does not read the table. It takes every
// object that is anywhere in the bytes, and reads it in every way. It passes over the
// file up to three times:
//
//  1. The index (index.go) keeps the values to which dictionaries of streams refer, which
//     streams are attachments or scripts, and how the file is encrypted. The keys
//     (encryption.go) follow from that, if no password is needed.
//  2. The objects in object streams (objstm.go) are added to the index.
//  3. Each stream is decrypted (cipher.go), unpacked (stream.go, chain.go, filter.go,
//     lzw.go, predictor.go) and shown (show.go).
//
// scan.go finds the objects, and lexer.go reads them into the values of object.go.
package pdf

import (
	"bytes"
	"regexp"
	"strconv"

	"github.com/lazaret/lazaret/internal/unpack"
)

const header = "%PDF-"

// Formats returns the formats of PDFs, and of PDFs within other content.
func Formats() []unpack.Format {
	return []unpack.Format{
		{
			Name: "PDF",
			Opens: "all streams in Flate, LZW, run length, hexadecimal and ASCII85, with predictors; scripts; RC4 and AES " +
				"where no password is needed, else `encrypted`; attachments with other filters, and a PDF that was cut off, " +
				"are refused",
			Magics: []unpack.Magic{{Text: header}},
			Walk: func(v *unpack.Visitor, c unpack.Content) error {
				if err := v.Refuse(newDocument(v, c, certain).walk()); err != nil {
					return err
				}
				return complete(c)
			},
		},
		{
			Name:   "PDF in other content",
			Opens:  "as above; damage is not refused",
			Match:  isLate,
			Beside: true,
			Walk: func(v *unpack.Visitor, c unpack.Content) error {
				return newDocument(v, c, likely).walk()
			},
			Marks: []unpack.Mark{{Text: header, Once: true, Open: open}},
		},
	}
}

// isLate recognises a PDF with something in front of its header, for which readers search
// the first kilobyte, and a PDF without a header, which many readers open if it ends as a
// PDF does. It also takes texts about PDFs for one.
func isLate(c unpack.Content, head []byte) bool {
	if bytes.HasPrefix(head, []byte(header)) {
		return false
	}
	const tail = 1 << 10
	return bytes.Contains(head, []byte(header)) ||
		bytes.Contains(c.Peek(max(0, c.Size()-tail), tail), []byte("startxref"))
}

// open walks content that has a header at any offset, which some readers find.
func open(v *unpack.Visitor, _ int64) (int64, error) {
	c := v.Content()
	head := c.Peek(0, unpack.HeadSize)
	if bytes.HasPrefix(head, []byte(header)) || isLate(c, head) {
		return 0, nil // one of the formats has walked it
	}
	return 0, newDocument(v, c, possible).walk()
}

// complete refuses a PDF that was cut off. A PDF says at its end where its table of
// objects is (7.5.5).
func complete(c unpack.Content) error {
	// A linearized PDF has such an end near its beginning too, but says its size (F.3.3).
	if m := linearized().FindSubmatch(c.Peek(0, unpack.HeadSize)); m != nil {
		if length, err := strconv.ParseInt(string(m[1]), 10, 64); err == nil && length > c.Size() {
			return unpack.Damaged("PDF of %d bytes that says that it has %d", c.Size(), length)
		}
	}
	const tailSize = 4 << 10 // readers search the last kilobyte, and some search more
	tail := c.Peek(max(0, c.Size()-tailSize), tailSize)
	if !bytes.Contains(tail, []byte("startxref")) && !bytes.Contains(tail, []byte("%%EOF")) {
		return unpack.Damaged("PDF without its end")
	}
	return nil
}

func linearized() *regexp.Regexp {
	return regexp.MustCompile(`/Linearized\s[^>]{0,200}/L\s+([0-9]{1,15})\b`)
}
