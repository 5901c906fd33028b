package pdf

import (
	"bufio"
	"io"

	"github.com/lazaret/lazaret/internal/unpack"
)

// maxObjectStream is how many bytes of an object stream are read. Writers put 100 to 200
// objects into one.
const maxObjectStream = 16 << 20

// isObjectStream recognises an object stream (7.5.7) by its type, or by the two keys
// that readers need.
func isObjectStream(o object, d dictionary) bool {
	return len(o.data) > 0 && (d.has("Type", "ObjStm") || d["N"] != nil && d["First"] != nil)
}

// objects adds the objects in an object stream to the index. They cannot be streams, and
// their strings are not encrypted by themselves.
func (d *document) objects(o object) error {
	v, _ := o.value.(dictionary)
	if !isObjectStream(o, v) {
		return nil
	}
	return d.each(o, func(_ stream, in *bufio.Reader) error {
		all, err := io.ReadAll(io.LimitReader(&spending{d: d, r: in}, maxObjectStream+1))
		if err != nil {
			return err
		}
		if len(all) > maxObjectStream {
			return unpack.TooLarge("PDF with an object stream of more than %d bytes", maxObjectStream)
		}
		for _, first := range d.integers(v["First"]) {
			if err := d.visitor.Refuse(d.packedObjects(all, first)); err != nil {
				return err
			}
		}
		return nil
	})
}

// packedObjects reads the objects of an object stream. Their numbers, and their offsets
// from first, are at its beginning.
func (d *document) packedObjects(all []byte, first int64) error {
	header := &lexer{b: all}
	for read := 0; read <= 8*len(all); { // more only where objects overlap
		number, ok := header.value(0).(int64)
		at, also := header.value(0).(int64)
		if at += first; !ok || !also || at < 0 || at >= int64(len(all)) {
			return nil
		}
		l := &lexer{b: all[at:]}
		o := object{number: number, value: l.value(0)}
		o.size = int64(l.at)
		d.refer(o)
		if err := d.script(o); err != nil {
			return err
		}
		read += l.at
	}
	return errOverBudget()
}
