package mail

import (
	"bytes"
	"cmp"
	"slices"
	"sort"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/mail/field"
)

// maxOpen is how many messages and multiparts may be in one another. A forwarded
// message takes two.
const maxOpen = 50

// walker shows the parts of an index.
type walker struct {
	v     *unpack.Visitor
	c     unpack.Content
	index *index
	// open are the boundaries that were declared in front of the part that is shown, and
	// that have a delimiter behind its beginning.
	open     []int
	declared int // boundaries that were considered for open
	// separators are the delimiters between the messages of a folder.
	separators []int

	// How many bytes may still be shown, so that a mail does not cost the square of its
	// size. Only the first is refused where nothing is left.
	otherEnds      int64 // of parts up to ends other than the likely one
	beyondMessages int64 // of parts that go on behind the message of a folder
	wholeMessages  int64 // of messages as a whole, besides their parts
	refused        bool  // for the sake of otherEnds
}

// walkLines shows the parts of a mail. returns says that carriage returns end lines.
func walkLines(v *unpack.Visitor, c unpack.Content, returns bool) error {
	x, err := indexOf(c, returns)
	if err := v.Refuse(err); err != nil {
		return err
	}
	budget := 16*c.Size() + 1<<20
	w := walker{v: v, c: c, index: x, otherEnds: budget, beyondMessages: budget, wholeMessages: 4 * c.Size()}
	if id, ok := x.byText[folder]; ok {
		w.separators = x.boundaries[id].exact
	}
	if x.full {
		if err := v.Refuse(unpack.TooMany("mail with too many parts or boundaries")); err != nil {
			return err
		}
	}
	if x.onlyText(c) {
		return nil
	}
	for _, p := range x.parts {
		if err := w.part(p); err != nil {
			return err
		}
	}
	return nil
}

// onlyText reports whether there is one part, which ends with the file, and whose
// header does not describe it. Most such files are not mails, and the engine was shown
// the part with the file.
func (x *index) onlyText(c unpack.Content) bool {
	if len(x.parts) != 1 || len(x.boundaries) > 0 || x.parts[0].kinds != 0 || x.parts[0].encodings&^field.AsItIs != 0 {
		return false
	}
	head := c.Peek(0, 64<<10)
	return !bytes.Contains(bytes.ToLower(head), []byte("content-"))
}

// part shows one part, from each place where it may begin to each where it may end.
func (w *walker) part(p part) error {
	if err := w.v.Refuse(p.refusal()); err != nil {
		return err
	}
	if p.kinds == field.Multipart && p.encodings&^field.AsItIs == 0 { // the index has its parts
		return nil
	}
	slices.Sort(p.bodies)
	for _, body := range slices.Compact(p.bodies) {
		if err := w.update(body); err != nil {
			return err
		}
		if err := w.body(p, body); err != nil {
			return err
		}
	}
	if w.otherEnds < 0 && !w.refused {
		w.refused = true
		return w.v.Refuse(unpack.TooMany("mail with too many places where parts may end"))
	}
	return nil
}

// refusal returns why a part cannot be opened, or nil.
func (p part) refusal() error {
	switch {
	case p.kinds&field.Sealed != 0:
		return unpack.Encrypted("mail encrypted with PGP/MIME")
	case p.kinds&field.Partial != 0:
		return unpack.Unsupported("mail that is a part of a message in several mails")
	}
	return nil
}

// body shows a part that begins at an offset, up to each place where it may end.
func (w *walker) body(p part, body int64) error {
	separator, separated := w.next(w.separators, body)
	for i, end := range w.ends(p, body) {
		if end.at-body < unpack.MinContent {
			continue
		}
		show := func() error { return w.span(p, body, end) }
		budget := &w.otherEnds
		if separated && end.at > separator.at {
			budget = &w.beyondMessages
		}
		var err error
		switch {
		case i == 0:
			err = show()
		case afford(budget, end.at-body):
			err = w.v.Guess(show)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// afford takes a number of bytes from a budget. It returns false where too few are
// left, and from then on.
func afford(budget *int64, size int64) bool {
	if *budget >= 0 {
		*budget -= size
	}
	return *budget >= 0
}

// update changes open for a part that begins at an offset.
func (w *walker) update(at int64) error {
	x := w.index
	for ; w.declared < len(x.boundaries) && x.boundaries[w.declared].declared < at; w.declared++ {
		w.open = append(w.open, w.declared)
	}
	w.open = slices.DeleteFunc(w.open, func(id int) bool {
		all := x.boundaries[id].all
		return len(all) == 0 || x.delimiters[all[len(all)-1]].at < at
	})
	if len(w.open) <= maxOpen {
		return nil
	}
	w.open = w.open[len(w.open)-maxOpen:]
	return w.v.Refuse(unpack.TooDeep("mail with more than %d messages and parts in one another", maxOpen))
}

// next returns the first of some delimiters that is not in front of an offset.
func (w *walker) next(of []int, at int64) (delimiter, bool) {
	i := sort.Search(len(of), func(i int) bool { return w.index.delimiters[of[i]].at >= at })
	if i == len(of) {
		return delimiter{}, false
	}
	return w.index.delimiters[of[i]], true
}

// ends returns where a part may end that begins at an offset. The first is where most
// readers see the end: at the next delimiter of any open boundary. Other readers know
// fewer boundaries, or more. But each ends the part at the next delimiter of the
// boundary with which the part began for that reader.
func (w *walker) ends(p part, body int64) []delimiter {
	whole := delimiter{at: w.c.Size()}
	last, limited := int64(0), len(p.starters) > 0
	for _, id := range p.starters {
		d, ok := w.next(w.index.boundaries[id].exact, body)
		limited = limited && ok
		last = max(last, d.at)
	}
	if !limited {
		last = whole.at
	}
	var exact, all []delimiter
	for _, id := range w.open {
		b := w.index.boundaries[id]
		if d, ok := w.next(b.exact, body); ok {
			exact = append(exact, d)
		}
		if d, ok := w.next(b.all, body); ok && d.at <= last {
			all = append(all, d)
		}
	}
	byPlace := func(a, b delimiter) int { return cmp.Compare(a.at, b.at) }
	slices.SortFunc(exact, byPlace)
	likely := whole
	if len(exact) > 0 {
		likely = exact[0]
	}
	for _, d := range exact {
		if d.at <= last {
			all = append(all, d)
		}
	}
	if !limited {
		all = append(all, whole)
	}
	slices.SortFunc(all, byPlace)
	out := []delimiter{likely}
	for _, d := range slices.Compact(all) {
		if d != likely {
			out = append(out, d)
		}
	}
	return out
}
