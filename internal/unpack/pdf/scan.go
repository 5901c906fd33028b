package pdf

import (
	"bytes"

	"github.com/lazaret/lazaret/internal/unpack"
)

const (
	// pageSize is how many bytes are searched at a time.
	pageSize = 256 << 10
	// overlap is how many bytes of a page are read again as the beginning of the next.
	overlap = 512
	// lookahead is how many bytes at the end of a page are left to the next one, so that
	// what a word begins is in one page with the word.
	lookahead = 192
	// maxObject is how many bytes of a value are read: far more than readers need.
	maxObject = 16 << 20
)

// words are what objects, streams and trailers begin with.
func words() [3]string { return [...]string{"obj", "stream", "trailer"} }

// scan visits every object that has a value which a reader may need, every trailer, as
// object 0, and every stream without a dictionary. A refusal of visit is kept.
func (d *document) scan(visit func(object) error) error {
	page := make([]byte, min(d.content.Size(), pageSize))
	known := int64(0) // offset of the data of the last stream
	for at := int64(0); ; at += pageSize - overlap {
		b := page[:min(pageSize, max(0, d.content.Size()-at))]
		if err := d.content.Fill(b, at); err != nil {
			return err
		}
		last := at+int64(len(b)) >= d.content.Size()
		from, to := 0, len(b)
		if at > 0 {
			from = overlap - lookahead // the page before has been searched up to there
		}
		if !last {
			to = len(b) - lookahead
		}
		for found := newFinder(b, from); ; {
			word, i := found.next()
			if i >= to {
				break
			}
			if d.overBudget() {
				return errOverBudget()
			}
			if err := d.visitWord(b, i, at, word, &known, visit); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
}

// visitWord visits what a word at an offset of a page begins. A stream whose data is
// known was visited with its dictionary.
func (d *document) visitWord(b []byte, i int, at int64, word string, known *int64, visit func(object) error) error {
	if i >= 3 && string(b[i-3:i]) == "end" {
		return nil
	}
	o, ok, err := d.object(b, i, at, word)
	if err := d.visitor.Refuse(err); err != nil {
		return err
	}
	if !ok || word == "stream" && o.data[0] <= *known {
		return nil
	}
	if len(o.data) > 0 {
		*known = max(*known, o.data[0])
	}
	return d.visitor.Refuse(visit(o))
}

// finder finds words in a page, in their order.
type finder struct {
	page []byte
	at   [3]int // where each of words is next
}

func newFinder(page []byte, from int) *finder {
	f := &finder{page: page}
	for i, word := range words() {
		f.at[i] = find(page, from, word)
	}
	return f
}

// next returns the next word and its offset. At the end, the offset is the size of the
// page.
func (f *finder) next() (word string, at int) {
	first := 0
	for i := range f.at {
		if f.at[i] < f.at[first] {
			first = i
		}
	}
	word, at = words()[first], f.at[first]
	f.at[first] = find(f.page, at+1, word)
	return word, at
}

// find returns where a word is next, or the length of b.
func find(b []byte, from int, word string) int {
	if i := bytes.Index(b[min(from, len(b)):], []byte(word)); i >= 0 {
		return from + i
	}
	return len(b)
}

// object reads what a word in a page begins. at is the offset of the page. ok is false
// where a value follows that no reader needs.
func (d *document) object(b []byte, i int, at int64, word string) (o object, ok bool, err error) {
	begin := at + int64(i) + int64(len(word))
	if word == "stream" {
		o.data = dataBehind(b[i:], at+int64(i))
		return o, true, nil
	}
	if word == "obj" {
		o.number, o.generation = numbersBefore(b[max(0, i-overlap/2):i])
	}
	rest := b[i+len(word):]
	l := &lexer{b: rest}
	l.skip()
	if !l.short && !begins(rest[l.at:], o.number) {
		return o, false, nil
	}
	o.value = l.value(0)
	end := l.at
	l.skip()
	// Read more of it where the page ends too early.
	for size := pageSize; size <= maxObject; size *= 4 {
		if !l.short && len(l.b)-l.at >= lookahead || begin+int64(len(l.b)) >= d.content.Size() {
			break
		}
		l = &lexer{b: d.content.Peek(begin, size)}
		d.parsedBytes += int64(len(l.b))
		o.value = l.value(0)
		end = l.at
		l.skip()
	}
	d.parsedBytes += int64(end)
	o.size = int64(end)
	if rest := l.b[min(l.at, len(l.b)):]; bytes.HasPrefix(rest, []byte("stream")) {
		o.data = dataBehind(rest, begin+int64(l.at))
	}
	if l.short && len(l.b) >= maxObject {
		err = unpack.TooLarge("PDF with an object of more than %d bytes", maxObject)
	}
	return o, true, err
}

// begins reports whether b begins with a value that a reader may need. Behind a word
// without the number of an object, which programs and texts have too, this is a
// dictionary only.
func begins(b []byte, number int64) bool {
	if bytes.HasPrefix(b, []byte("<<")) {
		return true
	}
	return number > 0 && len(b) > 0 && (bytes.IndexByte([]byte("/[(<"), b[0]) >= 0 || isDigit(b[0]))
}

// numbersBefore reads the number and the generation at the end of b. The number is -1
// where they cannot be read.
func numbersBefore(b []byte) (number, generation int64) {
	if number, generation, ok := numbersAtEnd(b); ok {
		return number, generation
	}
	// Comments may be between them: replace these by spaces.
	plain := bytes.Clone(b)
	for i := 0; i < len(plain); i++ {
		for ; i < len(b) && plain[i] == '%'; i++ {
			end := bytes.IndexAny(plain[i:], "\r\n")
			if end < 0 {
				return -1, 0
			}
			copy(plain[i:], bytes.Repeat([]byte(" "), end))
		}
	}
	if number, generation, ok := numbersAtEnd(plain); ok {
		return number, generation
	}
	return -1, 0
}

// numbersAtEnd reads two numbers at the end of b. White space may follow each.
func numbersAtEnd(b []byte) (number, generation int64, ok bool) {
	const maxScale = 1e12 // numbers have at most 12 digits
	parse := func() (v int64, ok bool) {
		b = bytes.TrimRight(b, "\x00\t\n\f\r ")
		scale := int64(1)
		for len(b) > 0 && isDigit(b[len(b)-1]) && scale < maxScale {
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

// dataBehind returns where data may begin behind the word "stream", with which b begins
// at an offset: behind white space and a line break or, for some readers, behind the next
// line break.
func dataBehind(b []byte, at int64) []int64 {
	const maxLine = overlap / 4
	i := len("stream")
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	data := []int64{at + int64(i+lineBreak(b[i:]))}
	if lineBreak(b[i:]) > 0 {
		return data
	}
	line := b[i:min(len(b), i+maxLine)]
	if end := bytes.IndexAny(line, "\r\n"); end > 0 {
		data = append(data, at+int64(i+end+lineBreak(line[end:])))
	}
	return data
}

// lineBreak returns how many bytes the line break at the beginning of b has, or 0.
func lineBreak(b []byte) int {
	switch {
	case bytes.HasPrefix(b, []byte("\r\n")):
		return 2
	case len(b) > 0 && (b[0] == '\r' || b[0] == '\n'):
		return 1
	}
	return 0
}
