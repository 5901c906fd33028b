// Package ar opens ar archives, such as Debian packages and static libraries.
package ar

import (
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/unpack"
)

const magic = "!<arch>\n"

// Format is the ar archive.
func Format() unpack.Format {
	plain := unpack.Format{
		Name:   "ar",
		Opens:  "members of Debian packages and of libraries; one that was cut off is refused",
		Magics: []unpack.Magic{{Text: magic}}, Whole: true, Walk: walk,
	}
	f := plain
	f.Marks = []unpack.Mark{{
		Text: magic,
		Open: func(v *unpack.Visitor, at int64) (int64, error) {
			if string(v.Content().Peek(at+66, 2)) != "`\n" {
				return 0, nil
			}
			return v.Embedded(plain, at)
		},
	}}
	return f
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	const header = 60
	for at := int64(len(magic)); at < c.Size(); {
		v.Sound(at)
		if c.Size()-at == 1 && at > int64(len(magic)) { // padding
			break
		}
		h := c.Peek(at, header)
		if len(h) < header || string(h[58:]) != "`\n" {
			return unpack.Damaged("ar with a broken header at byte %d", at)
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(h[48:58])), 10, 64)
		if err != nil || size < 0 {
			return unpack.Damaged("ar with a broken size at byte %d", at)
		}
		at += header
		if err := member(v, strings.TrimSpace(string(h[:16])), at, min(size, c.Size()-at)); err != nil {
			return err
		}
		if size > c.Size()-at {
			return unpack.Damaged("ar cut off in member %s", unpack.Clip(string(h[:16]), 16))
		}
		at += size + size&1
	}
	v.End(c.Size())
	return nil
}

// member takes the member with a name in its header.
func member(v *unpack.Visitor, name string, at, size int64) error {
	switch name {
	case "/", "//", "/SYM64/", "__.SYMDEF", "__.SYMDEF SORTED": // tables of names and symbols
		return v.Gap("table", at, size)
	}
	if digits, ok := strings.CutPrefix(name, "#1/"); ok { // BSD: the name stands before the content
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n > 0 && n <= size {
			if err := v.Region(name, at+n, size-n); err != nil {
				return err
			}
		}
	}
	return v.Region(strings.TrimSuffix(name, "/"), at, size)
}
