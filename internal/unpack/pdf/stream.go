package pdf

import (
	"bufio"
	"bytes"
	"slices"

	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// stream is a stream and what its dictionary says about it.
type stream struct {
	object
	dictionary dictionary
	attached   bool // a reader saves it as a file
	picture    bool // it has pixels
}

// reading is one way to unpack a stream.
type reading struct {
	from, to int64 // offsets of the data
	key      key   // the zero value does not decrypt
	filters  []filter
}

// buffer is how many bytes are read ahead of each filter. Many streams have no more.
const buffer = 1 << 10

// stream shows a stream in every way to unpack it.
func (d *document) stream(o object) error { return d.each(o, d.show) }

// each unpacks a stream in every way, and calls take with each. A refusal of take is
// kept.
func (d *document) each(o object, take func(stream, *bufio.Reader) error) error {
	if len(o.data) == 0 {
		return nil
	}
	s := d.describe(o)
	readings, err := d.readings(s)
	if err := d.visitor.Refuse(err); err != nil {
		return err
	}
	for _, r := range readings {
		if err := d.visitor.Refuse(d.read(s, r, take)); err != nil {
			return err
		}
		if d.overBudget() {
			return errOverBudget()
		}
	}
	return nil
}

// describe reads the dictionary of a stream. A stream without one is taken for zlib where
// its data begins like zlib.
func (d *document) describe(o object) stream {
	s := stream{object: o}
	s.dictionary, _ = o.value.(dictionary)
	if s.dictionary == nil {
		s.data = slices.DeleteFunc(slices.Clone(o.data), func(at int64) bool {
			return !isZlib(d.content.Peek(at, zlibHead))
		})
		s.dictionary = dictionary{"Filter": {name("FlateDecode")}}
	}
	s.attached = s.dictionary.has("Type", "EmbeddedFile") || s.dictionary["Params"] != nil ||
		d.files[reference(o.number)]
	s.picture = !s.attached && s.dictionary["Width"] != nil && s.dictionary["Height"] != nil
	return s
}

// readings returns every way to unpack a stream. The error is a Refusal; there are
// readings with it too.
func (d *document) readings(s stream) ([]reading, error) {
	chains, err := d.chains(s.dictionary)
	var all []reading
	for _, from := range s.data {
		for _, to := range d.ends(s, from) {
			for _, key := range append([]key{{}}, d.keys...) {
				for _, filters := range chains {
					all = append(all, reading{from: from, to: to, key: key, filters: filters})
				}
			}
		}
	}
	return all, err
}

// read unpacks a stream in one way, and calls take.
func (d *document) read(s stream, r reading, take func(stream, *bufio.Reader) error) error {
	raw := &bounded.Counter{R: d.content.Section(r.from, r.to-r.from)}
	defer func() { d.dataBytes += raw.N }()
	in := bufio.NewReaderSize(raw, buffer)
	if r.key.method != "" {
		plain := r.key.decrypt(s.object, in)
		if plain == nil {
			return nil
		}
		in = bufio.NewReaderSize(plain, buffer)
	}
	unpackAll := func() error {
		unpacked, err := d.decode(s, r.filters, in)
		if err != nil {
			return err
		}
		err = take(s, unpacked)
		if d.ended != nil {
			return d.ended
		}
		return err
	}
	// Encrypted bytes may look like anything, and so may others that are decrypted.
	if d.encrypted || d.certainty == possible {
		return d.visitor.Guess(unpackAll)
	}
	return unpackAll()
}

// ends returns where the data of a stream may end: behind its length, where the end of a
// stream follows. Else also at the next end of a stream, with and without the line break
// in front of it.
func (d *document) ends(s stream, from int64) (ends []int64) {
	const word = "endstream"
	for _, length := range d.integers(s.dictionary["Length"]) {
		if length < 0 || length > d.content.Size()-from {
			continue
		}
		end := from + length
		if !slices.Contains(ends, end) {
			ends = append(ends, end)
		}
		if bytes.HasPrefix(bytes.TrimLeft(d.content.Peek(end, 16), "\r\n "), []byte(word)) {
			return []int64{end}
		}
	}
	end := d.find(word, from)
	ends = append(ends, end)
	if tail := d.content.Peek(max(from, end-2), 2); bytes.HasSuffix(tail, []byte("\r\n")) {
		ends = append(ends, end-2)
	} else if len(tail) > 0 && lineBreak(tail[len(tail)-1:]) > 0 {
		ends = append(ends, end-1)
	}
	return ends
}

// find returns where a word is next, or the size of the file.
func (d *document) find(word string, from int64) int64 {
	for at, size := from, 512; ; size = min(4*size, pageSize) {
		page := d.content.Peek(at, size)
		d.dataBytes += int64(len(page))
		if i := bytes.Index(page, []byte(word)); i >= 0 {
			return at + int64(i)
		}
		if len(page) < size || d.overBudget() {
			return d.content.Size()
		}
		at += int64(len(page) - len(word))
	}
}
