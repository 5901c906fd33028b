package base64

import (
	"bytes"
	"io"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
)

const (
	// minRun is how many bytes base64 in text must decode to: 64 characters. Words are
	// shorter, and so is base64 in most texts.
	minRun = 48
	// runMargin is how many bytes at the end of a run are searched again. White space
	// may have led into text behind the run.
	runMargin = 512
)

// Run shows what base64 that begins at an offset of the visitor's content decodes to,
// if it is long enough. Text does not say where base64 ends, so that a damaged
// container in it is not refused. Run returns where the text goes on, or 0 where there
// is no base64.
func Run(v *unpack.Visitor, name string, at int64) (int64, error) {
	text := v.Content().From(at)
	if !longEnough(text) {
		return 0, nil
	}
	r := run{v: v, name: name, text: text}
	if err := r.show(); err != nil {
		return 0, err
	}
	chars, decoder := r.open()
	if _, err := io.Copy(io.Discard, decoder); err != nil {
		return 0, v.Refuse(err)
	}
	if chars.ambiguous {
		r.padding = true
		if err := r.show(); err != nil {
			return 0, err
		}
	}
	taken := chars.taken
	if chars.blanks {
		taken = max(6, taken-runMargin)
	}
	return at + taken, nil
}

// longEnough reports whether the base64 with which text begins has minRun bytes.
func longEnough(text unpack.Content) bool {
	var bytesOfRun [minRun]byte
	head := text.Peek(0, 256)
	chars := newCharacters(bytes.NewReader(head))
	n, _ := io.ReadFull(Variant{URL: true}.Reader(chars.reader()), bytesOfRun[:])
	if n < minRun && chars.taken < int64(len(head))-maxEscape { // it ends within head, as most do
		return false
	}
	chars = newCharacters(text.Section(0, text.Size()))
	n, _ = io.ReadFull(Variant{URL: true}.Reader(chars.reader()), bytesOfRun[:])
	return n == minRun
}

// run is base64 at the beginning of text.
type run struct {
	v       *unpack.Visitor
	name    string
	text    unpack.Content
	padding bool // see characters
}

func (r run) open() (*characters, *Decoder) {
	chars := newCharacters(r.text.Section(0, r.text.Size()))
	chars.padding = r.padding
	return chars, Variant{URL: true}.Reader(chars.reader())
}

// show shows the run up to its last character, and up to each earlier place where it
// may end.
func (r run) show() error {
	chars, decoder := r.open()
	if err := r.v.Guess(func() error { return r.v.Piece(r.name, decoder) }); err != nil {
		return err
	}
	chars.lines.end(chars.count)
	ends := []int64{decodedSize(chars.space)}
	if found := decoder.Found(); found.After {
		ends = append(ends, found.Padding)
	} else {
		for _, count := range chars.lines.ends(chars.count) {
			ends = append(ends, decodedSize(count))
		}
	}
	slices.Sort(ends)
	for _, end := range slices.Compact(ends) {
		if end < minRun || end >= decodedSize(chars.count) {
			continue
		}
		_, decoder := r.open()
		if err := r.v.Guess(func() error { return r.v.Piece(r.name, io.LimitReader(decoder, end)) }); err != nil {
			return err
		}
	}
	return nil
}

// decodedSize returns how many bytes a number of characters stands for.
func decodedSize(characters int64) int64 { return characters * 3 / 4 }
