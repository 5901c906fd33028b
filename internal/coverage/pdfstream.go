package coverage

import (
	"bufio"
	"bytes"
	"cmp"
	"io"

	"github.com/lazaret/lazaret/internal/job"
)

const (
	// maxPDFAlone is how many streams of one PDF are shown by themselves, each for
	// a millisecond: others than attachments are shown together from there on.
	maxPDFAlone  = 1000
	maxPDFJoined = 1 << 20
	maxFilters   = 16
)

// pdfStream is a stream and what its dictionary says about it.
type pdfStream struct {
	pdfObject
	dict     pdfDict
	attached bool // somebody is going to save it as a file
	picture  bool // it begins with any bytes
}

func (p *pdf) stream(o pdfObject) error { return p.each(o, p.take) }

// each unpacks a stream in every way that there may be and gives it to take.
func (p *pdf) each(o pdfObject, take func(pdfStream, *body) error) error {
	if o.data == 0 {
		return nil
	}
	s := pdfStream{pdfObject: o}
	s.dict, _ = o.value.(pdfDict)
	if s.dict == nil { // a dictionary that cannot be read: what it is shows in the data
		var head [9]byte
		if _, _ = p.n.at(o.data, 9).ReadAt(head[:], 0); !isZlib(node{}, head[:]) {
			return nil
		}
		s.dict = pdfDict{"Filter": {pdfName("FlateDecode")}}
	}
	s.attached = s.dict.is("Type", "EmbeddedFile") || s.dict["Params"] != nil || p.files[pdfRef(o.number)]
	s.picture = !s.attached && s.dict["Width"] != nil && s.dict["Height"] != nil
	end := int64(-1)
	for _, key := range append([]pdfKey{{}}, p.keys...) {
		for _, filters := range p.filters(s.dict) {
			if key.method == "" && p.locked && len(filters) == 0 {
				continue // the engine saw it as it is
			}
			var r io.Reader
			if len(filters) == 0 || key.method != "" {
				if end < 0 {
					end = p.end(s)
				}
				r = p.n.at(o.data, end-o.data)
			} else {
				r = p.n.at(o.data, p.n.size)
			}
			if key.method != "" {
				if r = key.open(o, r); r == nil {
					continue
				}
			}
			if err := p.w.settle(p.n, p.decode(s, filters, bufio.NewReaderSize(r, 1<<10), key, take)); err != nil {
				return err
			}
		}
	}
	return nil
}

// pdfFilter is one of a chain.
type pdfFilter struct {
	name  pdfName
	parms pdfDict
}

// filters are the chains that readers may take for a stream's, at least one. A
// filter without a name is one that nothing is known of.
func (p *pdf) filters(d pdfDict) (chains [][]pdfFilter) {
	var parms []any
	for _, key := range []string{"DecodeParms", "DP", "FDecodeParms"} {
		for _, v := range d[key] {
			parms = append(parms, p.resolve(v)...)
		}
	}
	for _, key := range []string{"Filter", "F"} {
		for _, v := range d[key] {
			values := p.resolve(v)
			if len(values) == 0 {
				values = []any{pdfName("")}
			}
			for _, value := range values {
				var names []any
				switch value := value.(type) {
				case pdfName:
					names = []any{value}
				case []any:
					names = value[:min(len(value), maxFilters)]
				default:
					continue
				}
				chains = append(chains, p.chain(names, parms))
			}
		}
		if len(chains) > 0 {
			return chains[:min(len(chains), 4)]
		}
	}
	return [][]pdfFilter{nil}
}

func (p *pdf) chain(names, parms []any) []pdfFilter {
	chain := make([]pdfFilter, 0, len(names))
	for i, v := range names {
		name := pdfName("")
		for _, v := range p.resolve(v) {
			name, _ = v.(pdfName)
		}
		f := pdfFilter{name: name}
		for _, v := range parms {
			if list, ok := v.([]any); ok && i < len(list) {
				v = list[i]
			} else if i > 0 {
				continue
			}
			for _, v := range p.resolve(v) {
				if d, ok := v.(pdfDict); ok {
					f.parms = d
				}
			}
		}
		chain = append(chain, f)
	}
	return chain
}

// end is where a stream's data ends: as long as it says, if its end is there,
// or else where the next end is.
func (p *pdf) end(s pdfStream) int64 {
	var tail [16]byte
	if length := s.dict.number("Length", -1); length >= 0 && length < p.n.size-s.data {
		got, _ := p.n.at(s.data+length, int64(len(tail))).ReadAt(tail[:], 0)
		if bytes.HasPrefix(bytes.TrimLeft(tail[:got], "\r\n "), []byte("endstream")) {
			return s.data + length
		}
	}
	page := make([]byte, 512)
	for at := s.data; ; {
		got, err := p.n.at(at, int64(len(page))).ReadAt(page, 0)
		p.spent += int64(got)
		if i := bytes.Index(page[:got], []byte("endstream")); i >= 0 {
			return at + int64(i)
		}
		if err != nil || p.tired() {
			return p.n.size
		}
		at += int64(len(page) - 16)
		if len(page) < searchPage {
			page = make([]byte, 4*len(page))
		}
	}
}

// decode unpacks a stream.
func (p *pdf) decode(s pdfStream, filters []pdfFilter, in *bufio.Reader, key pdfKey, take func(pdfStream, *body) error) error {
	for i, f := range filters {
		head, _ := in.Peek(9)
		zlib := isZlib(node{}, head)
		if f.name == "" && zlib {
			f.name = "FlateDecode"
		}
		if i == 0 && p.locked && key.method == "" && (f.name == "FlateDecode" || f.name == "Fl") && !zlib {
			return nil // encrypted, as it should be
		}
		r := pdfDecoder(f.name, f.parms, in)
		if r == nil {
			if s.attached {
				return unsupported("PDF attachment with filter %q", clip(string(f.name), 32))
			}
			if i == 0 {
				return nil // a picture, which the engine saw as it is
			}
			break
		}
		r = &forgiving{r: r, forgive: true}
		if i < len(filters)-1 {
			r = &between{p, r}
		}
		in = bufio.NewReaderSize(r, 1<<10)
	}
	body, failure := p.w.spool(in)
	defer p.w.drop(body)
	failure = cmp.Or(p.over, failure)
	if failure != nil || body.size == 0 {
		return failure
	}
	return take(s, body)
}

// between counts what passes from one filter to the next, of which nothing may
// come out at the end.
type between struct {
	p *pdf
	r io.Reader
}

func (b *between) Read(buf []byte) (int, error) {
	n, err := b.r.Read(buf)
	w := b.p.w
	if w.bytes += int64(n); w.bytes > w.limits.Unpacked {
		b.p.over = exceeded(job.LimitSize, "more than %d bytes unpacked", w.limits.Unpacked)
	}
	if b.p.over != nil || w.ctx.Err() != nil { // settle returns the context's cause
		return 0, io.EOF
	}
	return n, err
}

// take shows what came out of a stream.
func (p *pdf) take(s pdfStream, body *body) error {
	if !s.attached && p.alone >= maxPDFAlone && body.size < maxPDFJoined {
		forms, err := recognise(node{r: body, size: body.size})
		if err != nil {
			return err
		}
		if len(forms) == 0 {
			p.joined = append(append(p.joined, body.small...), '\n')
			if len(p.joined) < maxPDFJoined {
				return nil
			}
			return p.showJoined()
		}
	}
	p.alone++
	m, err := p.w.member(p.n, "stream")
	if err != nil {
		return err
	}
	if err := p.w.show(m, body); err != nil {
		return err
	}
	m.r, m.size = body, body.size
	before := p.w.refused
	err = p.w.look(m)
	if s.picture && isDamage(err) {
		err = nil
	}
	if s.picture && p.w.refused != nil && p.w.refused.damage() { // pixels that look like something
		p.w.refused = before
	}
	return err
}

func (p *pdf) showJoined() error {
	if len(p.joined) == 0 {
		return nil
	}
	m, err := p.w.member(p.n, "streams")
	if err != nil {
		return err
	}
	b := &body{small: p.joined, size: int64(len(p.joined))}
	p.joined = nil
	if err := p.w.show(m, b); err != nil {
		return err
	}
	m.r, m.size = b, b.size
	return p.w.look(m)
}
