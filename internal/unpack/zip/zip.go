// Package zip opens zip archives (APPNOTE.TXT 6.3.10). Programs read them differently:
// some go by the central directory at the end, others by the local headers before the
// members; by the first directory or by the last; and with offsets that count the bytes
// before the archive or do not. This package tries every reading that some program has,
// and extracts every member that one of them leads to.
package zip

import (
	"cmp"
	"io"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack"
)

// Signatures of records (APPNOTE 4.3).
const (
	localSign = "PK\x03\x04"
	entrySign = "PK\x01\x02"
	endSign   = "PK\x05\x06"
	end64Sign = "PK\x06\x06"
	locator64 = "PK\x06\x07" // zip64 end of central directory locator
	spanSign  = "PK\x07\x08"
)

// Sizes of records in bytes, and other numbers.
const (
	localSize      = 30
	entrySize      = 46
	endSize        = 22
	end64Size      = 56
	locatorSize    = 20
	longestTail    = endSize + 1<<16 // bytes of the end record and the longest comment
	inZip64Field   = 1<<32 - 1       // in place of a size or an offset that is in a zip64 field
	mostEndRecords = 16              // end records that are tried; a usual file has 1
)

// Format is a zip that is recognised by its beginning.
func Format() unpack.Format {
	return unpack.Format{
		Name: "zip",
		Opens: "members stored, deflated, deflate64, bzip2, LZMA, Zstandard, xz, imploded, shrunk or reduced, by " +
			"the directory and by local headers, listed or not; other methods, encrypted members " +
			"(OpenDocument and EPUB too), parts of split archives, overlapping or damaged members are refused",
		Magics: []unpack.Magic{
			{Text: localSign}, {Text: endSign}, {Text: spanSign + "PK"}, {Text: onePiece + localSign},
		},
		Whole:  true,
		Costly: costly,
		Walk:   walkBeginning,
		Marks: []unpack.Mark{
			{Text: localSign, Open: openMember},
			{Text: endSign, Open: openDirectory},
		},
	}
}

// FormatAtEnd is a zip that is recognised by its end, since other content stands before
// it.
func FormatAtEnd() unpack.Format {
	return unpack.Format{
		Name:  "zip at the end",
		Opens: "a zip after other content, as above",
		Match: func(c unpack.Content, head []byte) bool {
			return !begins(head) && (endsAsZip(c) || endsAsVolume(c))
		},
		Whole: true,
		Walk:  walkEnd,
	}
}

// onePiece stands before an archive that was written as a split one and has one part
// (APPNOTE 8.5.4).
const onePiece = "PK00"

func begins(head []byte) bool {
	return len(head) >= 4 && slices.Contains([]string{localSign, endSign, spanSign, onePiece}, string(head[:4]))
}

// endsAsZip wants a directory with entries: many programs have an empty end record
// among their constants.
func endsAsZip(c unpack.Content) bool {
	return slices.ContainsFunc(lastDirectories(c), func(d directory) bool { return d.start < d.end })
}

func walkBeginning(v *unpack.Visitor, c unpack.Content) error {
	found := lastDirectories(c)
	if len(found) == 0 {
		found = distantDirectories(c)
	}
	split := string(c.Peek(0, 4)) == spanSign
	switch {
	case split: // members may begin or end in other parts
		if err := v.Refuse(errVolume()); err != nil {
			return err
		}
	case len(found) == 0:
		if err := v.Refuse(unpack.Damaged("zip without its central directory")); err != nil {
			return err
		}
	}
	return newArchive(v, c).walk(found, split)
}

func walkEnd(v *unpack.Visitor, c unpack.Content) error {
	found := lastDirectories(c)
	if len(found) == 0 {
		return errVolume()
	}
	return newArchive(v, c).walk(found, false)
}

func errVolume() error { return unpack.Unsupported("a part of a split zip archive") }

// archive is one zip, whose readings are all tried.
type archive struct {
	v           *unpack.Visitor
	c           unpack.Content
	extracted   map[reading]bool
	visited     map[int64]bool // local headers, by offset
	taken       []span         // bytes of members and records
	otherStarts []int64        // offsets at which programs may look for the next local header
	inflate     io.ReadCloser  // used again, since it takes 40 KB

	uncertain bool // local headers may stand there by chance: see unpack.Visitor.TryStream
	failed    bool // one of the members could not be unpacked
}

type span struct{ from, to int64 }

func newArchive(v *unpack.Visitor, c unpack.Content) *archive {
	return &archive{v: v, c: c, extracted: map[reading]bool{}, visited: map[int64]bool{}}
}

// walk extracts all members, and takes all bytes between them. Refusals in the first
// directory are kept. Damage in the others only says that they are no directories.
func (a *archive) walk(found []directory, volume bool) error {
	for i, d := range found {
		if i > 0 && a.inMember(d) { // of a zip that was extracted as a member
			continue
		}
		var err error
		if i == 0 && !volume {
			err = a.directory(d, true)
		} else {
			err = a.v.Guess(func() error { return a.directory(d, false) })
		}
		if err != nil {
			return err
		}
	}
	for i := 0; i < len(a.otherStarts); i++ { // follow adds to them
		if _, err := a.follow(a.otherStarts[i]); err != nil {
			return err
		}
	}
	if err := a.gaps(found); err != nil || len(found) == 0 {
		return err
	}
	d := found[0]
	if err := a.v.Gap("comment", d.comment, d.after-d.comment); err != nil {
		return err
	}
	a.v.End(d.after)
	return nil
}

func (a *archive) inMember(d directory) bool {
	return slices.ContainsFunc(a.taken, func(s span) bool {
		return a.visited[s.from] && s.from < d.start && d.comment <= s.to
	})
}

// directory extracts the members that a directory lists. In the first directory,
// members that overlap are refused.
func (a *archive) directory(d directory, first bool) error {
	entries, left, release, err := d.entries(a.v, a.c)
	defer release()
	if err := a.v.Refuse(err); err != nil {
		return err
	}
	var spans []span
	for _, e := range entries {
		for _, at := range a.locals(d, e) {
			m, err := a.member(e, at)
			if err == nil {
				spans = append(spans, span{m.local, m.end})
				err = a.extractListed(m)
			}
			if err := a.v.Refuse(err); err != nil {
				return err
			}
		}
	}
	if left > 0 {
		if err := a.v.Gap("directory", d.end-left, left); err != nil {
			return err
		}
	}
	a.taken = append(append(a.taken, spans...), span{d.start, d.comment})
	if !first {
		return nil
	}
	spans = append(spans, span{d.start, d.comment})
	slices.SortFunc(spans, byStart)
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to && spans[i] != spans[i-1] {
			return a.v.Refuse(unpack.Damaged("zip with members that overlap at byte %d", spans[i].from))
		}
	}
	return nil
}

func byStart(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) }

// locals are the offsets at which programs look for the local header of an entry: some
// add the bytes before the archive to its offset, others do not.
func (a *archive) locals(d directory, e entry) []int64 {
	shifted := e.local + d.base
	switch {
	case d.base == 0 || !a.isLocal(e.local):
		return []int64{shifted}
	case !a.isLocal(shifted):
		return []int64{e.local}
	}
	return []int64{shifted, e.local}
}

func (a *archive) isLocal(at int64) bool { return string(a.c.Peek(at, 4)) == localSign }

// gaps takes the bytes of no member and no record. They may be members that only have a
// local header, a former version of the archive, or anything else.
func (a *archive) gaps(found []directory) error {
	at, end, name := int64(0), a.c.Size(), "prefix"
	if len(found) > 0 {
		end = found[0].comment
	}
	slices.SortFunc(a.taken, byStart)
	switch string(a.c.Peek(0, 4)) {
	case localSign, endSign:
	case spanSign, onePiece:
		at = 4
	default: // a file of another kind, which the core walks as that
		at = end
		if len(a.taken) > 0 {
			at = min(at, a.taken[0].from)
		}
		if err := a.v.Search(name, 0, at); err != nil {
			return err
		}
	}
	for _, s := range append(slices.Clip(a.taken), span{end, end}) {
		if to := min(s.from, end); to > at {
			if err := a.gap(name, at, to); err != nil {
				return err
			}
		}
		at, name = max(at, s.to), "hidden"
	}
	return nil
}

// gap takes one of the gaps.
func (a *archive) gap(name string, from, to int64) error {
	if !endsAsZip(a.c.Part(from, to-from)) { // otherwise another zip, which Gap takes as a member
		var err error
		if from, err = a.follow(from); err != nil {
			return err
		}
	}
	if from >= to {
		return nil
	}
	return a.v.Gap(name, from, to-from)
}

// follow extracts members by their local headers alone, from an offset on, and returns
// the offset after the last.
func (a *archive) follow(at int64) (end int64, err error) {
	for !a.visited[at] && a.isLocal(at) {
		next := at
		err := a.v.Guess(func() error {
			m, err := a.header(at)
			if err == nil {
				next, err = a.extractLocal(m)
			}
			return err
		})
		if err != nil || next == at {
			return at, err
		}
		at = next
	}
	return at, nil
}
