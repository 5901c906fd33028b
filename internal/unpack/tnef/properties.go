package tnef

import (
	"encoding/binary"

	"github.com/lazaret/lazaret/internal/unpack"
)

// properties reads a list of MAPI properties (MS-OXTNEF, 2.1.3.4), and shows the
// values that may be files.
type properties struct {
	v  *unpack.Visitor
	c  unpack.Content // the list
	at int64
	// broken says that the list cannot be read to its end.
	broken bool
}

// Types of properties (MS-OXCDATA, 2.11.1). Those that are named have values of
// variable size.
const (
	typeObject   = 0x000d
	typeString8  = 0x001e
	typeString   = 0x001f // UTF-16
	typeBinary   = 0x0102
	multiValued  = 0x1000 // a flag: the property has a count and so many values
	firstNamedID = 0x8000 // identifiers from this on are followed by a name
)

// fixedSize returns how many bytes a value of a type takes, or 0 for types of
// variable size and unknown types. Smaller values are padded to four bytes.
func fixedSize(kind int64) int64 {
	switch kind {
	case 0x02, 0x03, 0x04, 0x0a, 0x0b: // 16-bit and 32-bit integers, float, error code, boolean
		return 4
	case 0x05, 0x06, 0x07, 0x14, 0x40: // double, currency, dates, 64-bit integer
		return 8
	case 0x48: // GUID
		return 16
	}
	return 0
}

// walk reads the list, and stops where it is broken or ends.
func (p *properties) walk() error {
	for range p.number() {
		if p.broken || p.at >= p.c.Size() {
			break
		}
		if err := p.property(); err != nil {
			return err
		}
	}
	return nil
}

// property reads one property.
func (p *properties) property() error {
	tag := p.number()
	id, kind := tag>>16, tag&0xffff
	if id >= firstNamedID {
		p.skipName()
	}
	base := kind &^ multiValued
	variable := false
	switch base {
	case typeObject, typeString8, typeString, typeBinary:
		variable = true
	}
	count := int64(1)
	if variable || kind != base {
		count = p.number()
	}
	if !variable && fixedSize(base) == 0 { // unknown: the next property cannot be found
		p.broken = true
	}
	for ; count > 0 && !p.broken && p.at < p.c.Size(); count-- {
		if !variable {
			p.skip(fixedSize(base))
			continue
		}
		if err := p.value(base); err != nil {
			return err
		}
	}
	return nil
}

// skipName skips the name of a property: a GUID, and a number or a string.
func (p *properties) skipName() {
	const guidSize, numberName = 16, 0
	p.skip(guidSize)
	if p.number() == numberName {
		p.number()
		return
	}
	p.skip(p.number())
}

// value shows a value of variable size. An object is also shown without the identifier
// of its interface, which precedes its data.
func (p *properties) value(kind int64) error {
	const interfaceSize = 16
	size := p.number()
	from := p.at
	p.skip(size)
	value := p.c.Part(from, size)
	if value.Size() < unpack.MinContent {
		return nil
	}
	if kind == typeObject {
		if data := value.From(interfaceSize); data.Size() >= unpack.MinContent {
			if err := p.v.Stream("object", data.Section(0, data.Size())); err != nil {
				return err
			}
		}
	}
	return p.v.Stream("property", value.Section(0, value.Size()))
}

// number reads a number of four bytes, little endian; 0 where the list ends.
func (p *properties) number() int64 {
	var b [4]byte
	if p.c.Fill(b[:], p.at) != nil {
		p.broken = true
		return 0
	}
	p.at += int64(len(b))
	return int64(binary.LittleEndian.Uint32(b[:]))
}

// skip skips n bytes and the padding to four bytes.
func (p *properties) skip(n int64) {
	if n > p.c.Size()-p.at {
		p.broken = true
		return
	}
	p.at += (n + 3) &^ 3
}
