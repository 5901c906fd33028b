// Package armor opens ASCII armor of OpenPGP (RFC 9580, 6): base64 between lines of
// dashes with any label, and cleartext signed messages (RFC 9580, 7). Package base64
// opens other spellings of such lines. Armor without its last line or without a
// checksum is shown, and not refused.
package armor

import (
	"bufio"
	"io"
	"regexp"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/base64"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// Format returns the armor format. Armor is found by its first line, at any offset.
func Format() unpack.Format {
	return unpack.Format{
		Name:  "armor of OpenPGP",
		Opens: "base64 between lines of dashes with any label, and cleartext signed messages",
		Marks: []unpack.Mark{{Text: "-----BEGIN ", Start: true, Open: open}},
	}
}

// firstLine matches the first line of armor, with its label.
var firstLine = regexp.MustCompile(`\A-----BEGIN ([ -,.-~][ -~]{0,63}?)-----`)

// minContent is how many bytes armor must decode to: texts also mention first lines.
const minContent = unpack.MinContent

// open shows the content of the armor that may begin at an offset, and returns where
// it ends.
func open(v *unpack.Visitor, at int64) (end int64, err error) {
	label := firstLine.FindSubmatch(v.Content().Peek(at, 80))
	if label == nil {
		return 0, nil
	}
	a := armor{v: v, label: string(label[1]), from: at + int64(len(label[0]))}
	if a.label == "PGP SIGNED MESSAGE" {
		return a.signedText()
	}
	return a.base64()
}

// armor is what follows a first line.
type armor struct {
	v     *unpack.Visitor
	label string
	from  int64 // offset behind the first line
}

func (a armor) lines() *lines {
	c := a.v.Content()
	raw := &bounded.Counter{R: c.Section(a.from, c.Size())}
	return &lines{raw: raw, in: bufio.NewReaderSize(raw, 4<<10)}
}

// signedText shows a cleartext signed message.
func (a armor) signedText() (end int64, err error) {
	l := a.lines()
	in := bufio.NewReader(bounded.UntilError(bounded.Blocks(l.text)))
	if _, err := in.Peek(minContent); err != nil {
		return 0, nil
	}
	if err := a.v.Stream(a.label, in); err != nil {
		return 0, err
	}
	return a.from + l.read(), nil
}

// base64 shows the content of base64. Where lines have characters that do not belong
// to base64, gpg skips them, and other programs stop.
func (a armor) base64() (end int64, err error) {
	l := a.lines()
	decoder := base64.Variant{}.Reader(bounded.Blocks(l.base64))
	in := bufio.NewReader(decoder)
	if _, err := in.Peek(minContent); err != nil {
		return 0, nil
	}
	refused, err := a.v.Try(func() error { return a.v.Piece(a.label, in) })
	if err != nil {
		return 0, err
	}
	foreign := decoder.Found().Foreign
	if foreign >= 0 && foreign < minContent { // a text that mentions a first line
		return 0, nil
	}
	for _, r := range refused {
		if foreign >= 0 && unpack.IsDamage(r) { // it may be text behind armor without a last line
			continue
		}
		if err := a.v.Refuse(r); err != nil {
			return 0, err
		}
	}
	if foreign < 0 {
		return a.from + l.read(), nil
	}
	again := base64.Variant{}.Reader(bounded.Blocks(a.lines().base64))
	return 0, a.v.Stream(a.label, io.LimitReader(again, foreign))
}
