// Package rtf opens objects and pictures in rich text (RTF), and the files in objects
// of OLE 1 and of Windows' packager.
//
// Word reads the hexadecimal digits of an object whatever is between them. No standard
// says how groups, raw bytes and escapes among the digits are read. So each of them
// that occurs is read in every way (reading.go). Rich text with too many objects in
// one another is refused.
package rtf

import (
	"bufio"
	"bytes"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
)

// Formats returns rich text and the formats of its objects.
func Formats() []unpack.Format {
	return []unpack.Format{richText(), oleFormat(), packageFormat()}
}

func richText() unpack.Format {
	f := unpack.Format{
		Name:  "rich text",
		Opens: "objects and pictures, with anything between their digits that Word ignores",
		Match: func(_ unpack.Content, head []byte) bool { return isRichText(head) },
		Walk:  walk,
	}
	for _, word := range words() {
		f.Marks = append(f.Marks, unpack.Mark{Text: `\` + word, Open: func(v *unpack.Visitor, at int64) (int64, error) {
			return objectAt(v, at, word)
		}})
	}
	return f
}

// words are the control words behind which digits follow.
func words() []string {
	return []string{"objdata", "pict", "datastore", "themedata", "colorschememapping", "fontemb"}
}

const longestWord = len("colorschememapping")

// isRichText recognises rich text by its first control word, of which Word needs the
// first two letters only.
func isRichText(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n\x00")
	rest, ok := bytes.CutPrefix(head, []byte{'{'})
	return ok && bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n\x00"), []byte(`\rt`))
}

// objectAt shows an object within other content; walk shows the objects of rich text.
// A word whose group does not end is text more often than an object.
func objectAt(v *unpack.Visitor, at int64, word string) (int64, error) {
	c := v.Content()
	if isRichText(c.Peek(0, 64)) {
		return 0, nil
	}
	end, closed, err := object(v, word, at+1+int64(len(word)))
	if err != nil || closed {
		return end, err
	}
	_, err = v.TryStream("object", nil)
	return 0, err
}

// walk shows every object of rich text.
func walk(v *unpack.Visitor, c unpack.Content) error {
	// How many bytes objects may have together: objects in one another are read again
	// and again.
	budget := 16*c.Size() + 1<<20
	in := bufio.NewReaderSize(c.Section(0, c.Size()), 64<<10)
	at := int64(0)
	for {
		skipped, err := in.ReadSlice('\\')
		at += int64(len(skipped))
		if err == bufio.ErrBufferFull { //nolint:errorlint // as bufio documents it
			continue
		}
		if err == io.EOF { //nolint:errorlint // as bufio documents it
			return nil
		}
		if err != nil {
			return v.Refuse(err)
		}
		next, _ := in.Peek(longestWord)
		word := wordAt(next)
		if word == "" {
			continue
		}
		end, _, err := object(v, word, at+int64(len(word)))
		if err != nil {
			return err
		}
		if budget -= end - at; budget < 0 {
			return v.Refuse(unpack.TooMany("rich text with too many objects in one another"))
		}
	}
}

// wordAt returns which of words text begins with, or "".
func wordAt(text []byte) string {
	for _, word := range words() {
		if bytes.HasPrefix(text, []byte(word)) {
			return word
		}
	}
	return ""
}

// object shows the object whose digits begin at an offset, in every way to read them.
// It returns where the object's group ends, and whether that end was found.
func object(v *unpack.Visitor, word string, at int64) (end int64, closed bool, err error) {
	first := newDigits(reader(v.Content(), at), reading{})
	size, failure := io.Copy(io.Discard, first.reader())
	if err := v.Refuse(failure); err != nil {
		return 0, false, err
	}
	readings := first.found.readings()
	if size < unpack.MinContent && len(readings) == 1 {
		return at + first.taken, first.closed, nil
	}
	for i, how := range readings {
		d := newDigits(reader(v.Content(), at), how)
		show := func() error { return v.Stream(word, d.reader()) }
		if i == 0 && word == "objdata" {
			err = show()
		} else {
			err = v.Guess(show)
		}
		if err != nil {
			return 0, false, err
		}
	}
	return at + first.taken, first.closed, nil
}

func reader(c unpack.Content, at int64) *bufio.Reader {
	return bufio.NewReaderSize(c.Section(at, c.Size()), 4<<10)
}
