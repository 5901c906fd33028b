package mail

import (
	"bufio"
	"bytes"
	"io"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/base64"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
	"github.com/lazaret/lazaret/internal/unpack/encoded"
	"github.com/lazaret/lazaret/internal/unpack/mail/field"
)

// span shows a part that ends at a delimiter, in every way to decode it.
func (w *walker) span(p part, body int64, end delimiter) error {
	to := max(body, end.at-end.eol)
	contents := []unpack.Content{w.c.Part(body, to-body)}
	saved := p.kinds&(field.Named|field.Other) != 0 // a reader saves it as a file
	if saved && to < end.at {                       // for some readers the line break belongs to the part
		contents = append(contents, w.c.Part(body, end.at-body))
	}
	if p.encodings&field.Base64 != 0 {
		if err := w.base64(contents[0]); err != nil {
			return err
		}
	}
	for _, content := range contents {
		if p.encodings&field.Quoted != 0 {
			if err := w.quoted(content); err != nil {
				return err
			}
		}
		if p.encodings == 0 || p.encodings&field.AsItIs != 0 {
			if err := w.plain(p, content, saved); err != nil {
				return err
			}
		}
	}
	return nil
}

// plain shows a part that is not encoded. The parts of a multipart, and of text, are
// found by the index. A message in another is shown as a whole too, as far as
// wholeMessages allows.
func (w *walker) plain(p part, content unpack.Content, saved bool) error {
	if content.Size() < unpack.MinContent || p.kinds == field.Multipart ||
		p.kinds&^field.Named == field.Message && !afford(&w.wholeMessages, content.Size()) {
		return nil
	}
	show := w.v.Stream
	if matches(content, content.Peek(0, unpack.HeadSize)) || !w.v.Known(content) {
		show = w.v.Show
	}
	if err := show("part", content.Section(0, content.Size())); err != nil || !saved {
		return err
	}
	// Mails have the line breaks of the network, and readers save text with those of
	// their machine.
	if !hasCRLF(content.Peek(0, 4<<10)) {
		return nil
	}
	feeds := &lineFeeds{in: content.Reader(0)}
	return w.v.Show("part", bounded.Blocks(feeds.next))
}

// hasCRLF reports whether a line of text ends with a carriage return and a line feed.
func hasCRLF(text []byte) bool { return bytes.Contains(text, []byte("\r\n")) }

// lineFeeds removes the carriage returns of line breaks.
type lineFeeds struct {
	in  *bufio.Reader
	out []byte
}

func (f *lineFeeds) next() ([]byte, error) {
	page, err := f.in.ReadSlice('\n')
	f.out = append(f.out[:0], page...)
	if line, ok := bytes.CutSuffix(f.out, []byte("\r\n")); ok {
		f.out = append(line, '\n')
	}
	if err == bufio.ErrBufferFull { //nolint:errorlint // as bufio documents it
		err = nil
	}
	return f.out, err
}

// quoted shows a part in quoted-printable. Some readers keep white space at the ends of
// lines.
func (w *walker) quoted(content unpack.Content) error {
	q := &encoded.QuotedPrintable{In: content.Reader(0)}
	if err := w.v.Stream("part", q.Reader()); err != nil || !q.Dropped() {
		return err
	}
	padded := &encoded.QuotedPrintable{In: content.Reader(0), Padded: true}
	return w.v.Guess(func() error { return w.v.Stream("part", padded.Reader()) })
}

// base64 shows a part in base64. Readers differ where it contains anything else: some
// end at the first padding, and some go on behind it; some skip other characters, some
// end there, and some take two of them for characters of the alphabet.
func (w *walker) base64(content unpack.Content) error {
	decoder := func(how base64.Variant) *base64.Decoder { return how.Reader(content.Section(0, content.Size())) }
	first := decoder(base64.Variant{})
	size, err := io.Copy(io.Discard, first)
	if err := w.v.Refuse(err); err != nil {
		return err
	}
	found := first.Found()
	if found.After {
		err = w.usual(decoder(base64.Variant{}), io.LimitReader(decoder(base64.Variant{}), found.Padding))
	} else {
		err = w.v.Stream("part", decoder(base64.Variant{}))
	}
	if err != nil {
		return err
	}
	var others []io.Reader
	if found.Foreign >= unpack.MinContent && found.Foreign < size {
		others = append(others, io.LimitReader(decoder(base64.Variant{}), found.Foreign))
	}
	if found.URL {
		others = append(others, decoder(base64.Variant{URL: true}))
	}
	for _, r := range others {
		if err := w.v.Guess(func() error { return w.v.Stream("part", r) }); err != nil {
			return err
		}
	}
	if found.After { // few readers read it so, and their refusals do not count
		joined := decoder(base64.Variant{Joined: true})
		if _, err := w.v.Try(func() error { return w.v.Stream("part", joined) }); err != nil {
			return err
		}
	}
	if found.Foreign < 0 {
		return nil
	}
	// Some readers save as it is what they cannot decode.
	return w.v.Show("part", content.Section(0, content.Size()))
}

// usual shows readings that many readers have each. Damage counts only where it is in
// all of them: a text under the part may have damaged one.
func (w *walker) usual(readings ...io.Reader) error {
	var all []*unpack.Refusal
	allDamaged := true
	for _, r := range readings {
		refused, err := w.v.Try(func() error { return w.v.Stream("part", r) })
		if err != nil {
			return err
		}
		all = append(all, refused...)
		allDamaged = allDamaged && slices.ContainsFunc(refused, isDamage)
	}
	for _, r := range all {
		if isDamage(r) && !allDamaged {
			continue
		}
		if err := w.v.Refuse(r); err != nil {
			return err
		}
	}
	return nil
}

func isDamage(r *unpack.Refusal) bool { return unpack.IsDamage(r) }
