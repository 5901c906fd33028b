package pdf

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/bounded"
)

// filter is one filter of a chain. The name is empty where it refers to an object that
// is not known.
type filter struct {
	name       name
	parameters dictionary
}

// chains returns each chain of filters that a reader may take for a stream's, at least
// one. The error is a Refusal; there are chains with it too.
func (d *document) chains(v dictionary) (chains [][]filter, err error) {
	var parameters []any
	for _, key := range []string{"DecodeParms", "DP", "FDecodeParms"} {
		for _, v := range v[key] {
			parameters = append(parameters, d.resolve(v)...)
		}
	}
	for _, value := range d.filterValues(v) {
		names, ok := value.([]any)
		if single, isName := value.(name); isName {
			names, ok = []any{single}, true
		}
		if !ok {
			continue
		}
		if len(names) > maxFilters {
			err = unpack.TooDeep("PDF with a chain of %d filters, of which %d are tried", len(names), maxFilters)
			names = names[:maxFilters]
		}
		chains = append(chains, d.chain(names, parameters))
	}
	if len(chains) == 0 {
		return [][]filter{nil}, err
	}
	return chains[:min(len(chains), maxValues)], err
}

// filterValues returns the values of the key for filters, or of its abbreviation where
// the key has no chain.
func (d *document) filterValues(v dictionary) []any {
	for _, key := range []string{"Filter", "F"} {
		var values []any
		usable := false
		for _, v := range v[key] {
			resolved := d.resolve(v)
			if len(resolved) == 0 {
				resolved = []any{name("")}
			}
			for _, value := range resolved {
				switch value.(type) {
				case name, []any:
					usable = true
				}
			}
			values = append(values, resolved...)
		}
		if usable {
			return values
		}
	}
	return nil
}

// chain returns the filters of a list of names. Parameters are a dictionary for the first
// filter, or a list.
func (d *document) chain(names, parameters []any) []filter {
	chain := make([]filter, 0, len(names))
	for i, v := range names {
		f := filter{}
		for _, v := range d.resolve(v) {
			f.name, _ = v.(name)
		}
		for _, v := range parameters {
			if list, ok := v.([]any); ok && i < len(list) {
				v = list[i]
			} else if i > 0 {
				continue
			}
			for _, v := range d.resolve(v) {
				if p, ok := v.(dictionary); ok {
					f.parameters = p
				}
			}
		}
		chain = append(chain, f)
	}
	return chain
}

// decode returns a reader of what a chain of filters unpacks. A filter that is unknown,
// or of a picture, ends the chain; for an attachment it is refused. The error ends the
// whole check.
func (d *document) decode(s stream, filters []filter, in *bufio.Reader) (*bufio.Reader, error) {
	for i, f := range filters {
		if head, _ := in.Peek(zlibHead); f.name == "" && isZlib(head) {
			f.name = "FlateDecode"
		}
		r := decoder(f.name, f.parameters, in)
		if r == nil {
			var err error
			if s.attached {
				err = unpack.Unsupported("PDF attachment with filter %q", unpack.Clip(string(f.name), 32))
			}
			return in, d.visitor.Refuse(err)
		}
		r = bounded.UntilError(r)
		if i < len(filters)-1 {
			r = &spending{d: d, r: r}
		}
		in = bufio.NewReaderSize(r, buffer)
	}
	return in, nil
}

// spending counts bytes that pass between filters. They cost time, and the engine may be
// shown none of them.
type spending struct {
	d *document
	r io.Reader
}

func (b *spending) Read(p []byte) (int, error) {
	const page = 32 << 10
	n, err := b.r.Read(p[:min(len(p), page)])
	if b.d.ended == nil {
		b.d.ended = b.d.visitor.Spend(int64(n))
	}
	if b.d.ended != nil { // filters would ignore the error
		return 0, io.EOF
	}
	return n, err
}

// zlibHead is how many bytes isZlib needs.
const zlibHead = 9

// isZlib reports whether a zlib stream may begin with head.
func isZlib(head []byte) bool {
	const method, largestWindow, presetDictionary = 8, 0x80, 0x20 // RFC 1950, 2.2
	if len(head) < zlibHead || head[0]&(largestWindow|0x0f) != method || head[1]&presetDictionary != 0 {
		return false
	}
	_, err := zlib.NewReader(bytes.NewReader(head))
	return err == nil
}
