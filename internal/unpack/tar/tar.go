// Package tar opens tars of all formats: Unix version 7, POSIX (ustar and pax), GNU and
// star, with whole sparse members.
//
// Programs disagree about the number of bytes of a member if several headers have its
// size, or if its type has no content. All of these readings are followed. The reading
// of most programs decides what is damaged; the others only add members.
package tar

import (
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
)

const (
	block = 512
	// maxHeaders and maxReadings bound the time that a hostile tar can take.
	maxHeaders  = 1 << 20
	maxReadings = 64
	// maxRecords is the largest size of a pax header, in bytes.
	maxRecords = 8 << 20
)

// Format is the tar.
func Format() unpack.Format {
	plain := unpack.Format{
		Name: "tar",
		Opens: "members of all types that some tar unpacks, by all sizes that headers give, sparse ones of GNU, star " +
			"and pax too; one that was cut off is refused",
		Match: match, Whole: true, Walk: walk,
	}
	f := plain
	f.Marks = []unpack.Mark{{
		Text: "ustar", Before: 257,
		Open: func(v *unpack.Visitor, at int64) (int64, error) {
			if !header(v.Content().Peek(at, block)).valid() {
				return 0, nil
			}
			return v.Embedded(plain, at)
		},
	}}
	return f
}

// match recognises a tar by its magic, or an older one by the checksum of its first
// header.
func match(_ unpack.Content, head []byte) bool {
	if len(head) >= 262 && string(head[257:262]) == "ustar" {
		return true
	}
	return len(head) >= block && header(head[:block]).valid()
}

// reader follows the readings of one tar.
type reader struct {
	v       *unpack.Visitor
	pax     bool           // pax headers were read
	pending []reading      // not followed yet
	count   int            // of readings that were ever pending
	looked  map[int64]bool // offsets of headers that were read
	headers int            // that were read
	broken  bool           // the first reading has skipped a broken header
}

// reading is the offset at which a reading goes on, and the global pax attributes
// there.
type reading struct {
	at     int64
	global attributes
}

func walk(v *unpack.Visitor, _ unpack.Content) error {
	r := &reader{v: v, looked: map[int64]bool{}}
	end, err := r.follow(reading{})
	if err := v.Refuse(err); err != nil {
		return err
	}
	for len(r.pending) > 0 {
		next := r.pending[0]
		r.pending = r.pending[1:]
		err := v.Guess(func() error {
			_, err := r.follow(next)
			return err
		})
		if err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	v.EndPadded(end)
	return nil
}

// follow reads members up to the end of the tar, or to a header that another reading
// has read. It returns that offset.
func (r *reader) follow(way reading) (end int64, err error) {
	c := r.v.Content()
	var own attributes // of the next member, from extended headers
	lost := false      // there was no header where one must be
	first := way.at == 0
	for at := way.at; ; {
		if first && !r.broken {
			r.v.Sound(at)
		}
		if own.empty() {
			if r.looked[at] {
				return at, nil
			}
			r.looked[at] = true
		}
		if r.headers++; r.headers > maxHeaders {
			return at, unpack.TooMany("tar with more than %d headers", maxHeaders)
		}
		h := header(c.Peek(at, block))
		switch {
		case len(h) < block:
			return at, unpack.Damaged("tar without its end")
		case h.zero():
			return at, nil
		case !h.valid() && !lost:
			lost, own = true, attributes{}
			r.broken = r.broken || first
			if err := r.v.Refuse(unpack.Damaged("tar with a broken header at byte %d", at)); err != nil {
				return at, err
			}
			fallthrough
		case !h.valid():
			at += block // GNU's tar searches for the next header
			continue
		}
		lost = false
		size, _ := number(h[124:136])
		at += block
		if h.extended() {
			if at, err = r.extended(h, at, size, &way.global, &own); err != nil {
				return at, err
			}
			continue
		}
		m := member{header: h, at: at, global: way.global, own: own}
		own = attributes{}
		if at, err = r.member(m); err != nil {
			return at, err
		}
	}
}

// extended reads a header about the next member, or about all members after it.
// Programs that do not support it extract it as a file.
func (r *reader) extended(h header, at, size int64, global, own *attributes) (int64, error) {
	c := r.v.Content()
	if size > c.Size()-at {
		return at, unpack.Damaged("tar header of %d bytes ends after the end of the file", size)
	}
	take := r.v.Gap
	switch kind := h.kind(); kind {
	case 'X': // Sun's pax header, which other programs extract as a file
		take = r.v.Region
		fallthrough
	case 'x', 'g':
		r.pax = true
		if size > maxRecords {
			return at, unpack.TooLarge("tar with a pax header of %d bytes", size)
		}
		to := own
		if kind == 'g' {
			to = global
		}
		err := to.read(c.Peek(at, int(size)))
		if err := r.v.Refuse(err); err != nil {
			return at, err
		}
	}
	return at + padded(size), take("header", at, size)
}

// member is a header and its content.
type member struct {
	header
	at          int64 // offset of the content
	global, own attributes
}

// member takes a member and returns the offset of the next header.
func (r *reader) member(m member) (next int64, err error) {
	c := r.v.Content()
	sizes := r.sizes(m)
	for i, size := range sizes {
		content := func() error { return r.content(m, size) }
		if i == 0 {
			err = content()
		} else {
			err = r.v.Guess(content)
		}
		if err != nil {
			return m.at, err
		}
	}
	if m.kind() == 'S' {
		maps := m.moreMaps(c)
		if err := r.v.Gap("sparse map", m.at, maps); err != nil {
			return m.at, err
		}
		m.at += maps
	}
	for _, size := range sizes[1:] {
		if size > c.Size()-m.at {
			continue
		}
		if r.count++; r.count > maxReadings {
			return m.at, unpack.TooMany("tar that can be read in more than %d ways", maxReadings)
		}
		r.pending = append(r.pending, reading{at: m.at + padded(size), global: m.global})
	}
	if sizes[0] > c.Size()-m.at {
		return m.at, unpack.Damaged("tar member %s ends after the end of the file", m.name())
	}
	return m.at + padded(sizes[0]), nil
}

// sizes are the numbers of bytes that the content may have in the archive, that of most
// programs first.
func (r *reader) sizes(m member) []int64 {
	size, _ := number(m.header[124:136])
	sizes := []int64{size}
	for _, s := range slices.Concat(m.global.sizes, m.own.sizes) { // the last is the valid one
		sizes = slices.DeleteFunc(sizes, func(v int64) bool { return v == s })
		sizes = append(sizes, s)
	}
	slices.Reverse(sizes)
	if k := m.kind(); k < '1' || k > '6' || sizes[0] == 0 {
		return sizes
	}
	// Links, devices and folders have no content, but old writers set a size. POSIX
	// allows content of hard links since 2001, and GNU's tar skips content of all other
	// types.
	none, some := r.header(m.at), r.header(m.at+padded(sizes[0]))
	switch {
	case none && !some && !(m.kind() == '1' && r.pax):
		return []int64{0}
	case some && !none:
		return sizes
	case some && m.kind() == '1' && r.pax:
		return append(sizes, 0)
	}
	return append([]int64{0}, sizes...)
}

// header reports whether a header, or the end of the tar, stands at an offset.
func (r *reader) header(at int64) bool {
	h := header(r.v.Content().Peek(at, block))
	return len(h) == block && (h.zero() || h.valid())
}

// content gives the visitor the content of a member, in one of its sizes.
func (r *reader) content(m member, size int64) error {
	v, c := r.v, r.v.Content()
	at := m.at
	raw := func() error { return v.Region(m.name(), at, min(size, max(0, c.Size()-at))) }
	switch k := m.kind(); {
	case k == '1' && size == 0:
		return nil
	case k >= '2' && k <= '6':
		return v.Gap(m.name(), at, size)
	case k == 'M':
		if err := raw(); err != nil {
			return err
		}
		return v.Refuse(unpack.Unsupported("tar with %s, which begins in another volume", m.name()))
	}
	s, sparse, err := m.sparse(c, size)
	if !sparse {
		return raw()
	}
	// Programs without sparse members extract the stored pieces.
	if err := v.Guess(raw); err != nil {
		return err
	}
	if err != nil {
		return v.Refuse(err)
	}
	return v.Stream(m.name(), s)
}

func padded(size int64) int64 { return (size + block - 1) / block * block }
