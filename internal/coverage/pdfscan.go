package coverage

import (
	"bytes"

	"github.com/lazaret/lazaret/internal/job"
)

// pdf is one PDF. Its objects are looked for in all of it: where its
// cross-reference table says that they stand is one reader's view of many.
type pdf struct {
	w      *walk
	n      node
	spent  int64              // bytes that were read more than once
	small  map[pdfRef][]any   // objects that a stream's dictionary may refer to
	files  map[pdfRef]bool    // streams that are somebody's attachments
	locks  []any              // encryption dictionaries, or where they are
	lockOf map[pdfRef]pdfDict // those that stand by themselves
	locked bool
	ids    [][]byte
	keys   []pdfKey
	alone  int    // streams that were shown by themselves
	joined []byte // streams to be shown together
	packed bool   // some objects are in streams
	over   error  // a limit that was reached within a chain of filters
}

const (
	maxPDFObject = 1 << 20 // bytes of a dictionary
	maxPDFSmall  = 1 << 16 // objects that are kept
	// maxPDFObjects is how much of a stream of objects is read: writers put 100 to
	// 200 objects in one.
	maxPDFObjects = 16 << 20
)

// pdfObject is an object that was found.
type pdfObject struct {
	number, generation int64
	value              any
	data               int64 // where its stream's data begins, or 0
}

// walkPDFStreams unpacks the streams of a PDF and shows them. The engine unpacks
// them as well, unless their dictionaries are written in a way that it does not
// follow, such as with a checksum in front of the filter; what it did see it
// answers from its cache.
func walkPDFStreams(w *walk, n node) error {
	p := &pdf{w: w, n: n, small: map[pdfRef][]any{}, lockOf: map[pdfRef]pdfDict{}, files: map[pdfRef]bool{}}
	if err := p.scan(p.index); err != nil {
		return err
	}
	if err := w.settle(n, p.unlock()); err != nil {
		return err
	}
	if p.packed {
		if err := p.scan(p.objects); err != nil {
			return err
		}
	}
	if err := p.scan(p.stream); err != nil {
		return err
	}
	return p.showJoined()
}

// scan visits every object that has a dictionary or is small, every trailer, as
// object 0, and every stream without a dictionary.
func (p *pdf) scan(visit func(pdfObject) error) error {
	words := [...]string{"obj", "stream", "trailer"}
	page := make([]byte, min(p.n.size, searchPage))
	known := int64(0) // the stream that the last dictionaries led to
	for at := int64(0); ; at += searchPage - 64 {
		b := page[:min(searchPage, max(0, p.n.size-at))]
		if err := p.n.read(b, at); err != nil {
			return err
		}
		last := at+int64(len(b)) >= p.n.size
		var next [len(words)]int
		for i, word := range words {
			next[i] = after(b, 0, word)
		}
		for {
			k := 0
			for i := range next {
				if next[i] < next[k] {
					k = i
				}
			}
			i := next[k]
			if i >= len(b) || !last && i >= len(b)-32 {
				break
			}
			next[k] = after(b, i+1, words[k])
			if i < 32 && at > 0 || i >= 3 && string(b[i-3:i]) == "end" { // the former was seen before
				continue
			}
			if p.tired() {
				return exceeded(job.LimitSize, "PDF whose objects stand in one another")
			}
			o, ok := p.object(b, i, at, k)
			if !ok || k == 1 && o.data <= known {
				continue
			}
			known = max(known, o.data)
			if err := p.w.settle(p.n, visit(o)); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
}

// tired reports that a PDF was read again and again, as none needs to be.
func (p *pdf) tired() bool { return p.spent > 32*p.n.size+1<<20 }

// after is where a word is next, or the length of b.
func after(b []byte, from int, word string) int {
	if i := bytes.Index(b[min(from, len(b)):], []byte(word)); i >= 0 {
		return from + i
	}
	return len(b)
}

// object reads what a word in a page begins.
func (p *pdf) object(b []byte, i int, at int64, word int) (o pdfObject, ok bool) {
	switch word {
	case 0:
		if o.number, o.generation, ok = pdfNumbers(b[max(0, i-32):i]); !ok {
			o.number = -1 // a comment may stand between
		}
		i += len("obj")
	case 1:
		o.data = at + int64(i) + pdfData(b[i:])
		return o, o.data > at+int64(i)
	case 2:
		i += len("trailer")
	}
	l := &pdfLexer{b: b[i:]}
	l.skip()
	if !l.short && !l.has("<<") && !l.has("/") && !l.has("[") {
		return o, false
	}
	begin := at + int64(i)
	o.value = l.value(0)
	end := l.at
	l.skip()
	if begin+int64(len(l.b)) < p.n.size && (l.short || len(l.b)-l.at < 16) { // once more, with all that there is of it
		p.spent += int64(l.at)
		more := make([]byte, min(maxPDFObject, p.n.size-begin))
		if p.spent += int64(len(more)); p.n.read(more, begin) != nil {
			return o, false
		}
		l = &pdfLexer{b: more}
		o.value = l.value(0)
		end = l.at
		l.skip()
	}
	p.spent += int64(end)
	if size := pdfData(l.b[min(l.at, len(l.b)):]); size > 0 {
		o.data = begin + int64(l.at) + size
	}
	return o, true
}

// pdfNumbers reads the number and the generation in front of "obj".
func pdfNumbers(b []byte) (number, generation int64, ok bool) {
	parse := func() (v int64, ok bool) {
		b = bytes.TrimRight(b, "\x00\t\n\f\r ")
		scale := int64(1)
		for len(b) > 0 && b[len(b)-1] >= '0' && b[len(b)-1] <= '9' && scale < 1e12 {
			v += int64(b[len(b)-1]-'0') * scale
			scale *= 10
			b, ok = b[:len(b)-1], true
		}
		return v, ok
	}
	if generation, ok = parse(); ok {
		number, ok = parse()
	}
	return number, generation, ok
}

// pdfData is how many bytes the keyword "stream" and its line's end take, or 0.
func pdfData(b []byte) int64 {
	rest, ok := bytes.CutPrefix(b, []byte("stream"))
	if !ok {
		return 0
	}
	for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') { // none should be here, and readers pass them
		rest = rest[1:]
	}
	if len(rest) > 0 && rest[0] == '\r' {
		rest = rest[1:]
	}
	if len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	return int64(len(b) - len(rest))
}
