// Package tnef opens winmail.dat, in which Outlook sends attachments and texts: the
// Transport Neutral Encapsulation Format (MS-OXTNEF), and the compressed rich text in
// it (MS-OXRTFCP). A file that ends within an attribute, and a text that is shorter
// than its header says, are refused as damaged.
package tnef

import (
	"encoding/binary"

	"github.com/lazaret/lazaret/internal/unpack"
)

const signature = "\x78\x9f\x3e\x22"

// Formats returns the formats of winmail.dat and of compressed rich text, which is
// also in Outlook's message files (MSG).
func Formats() []unpack.Format {
	f := unpack.Format{
		Name:   "TNEF",
		Opens:  "attachments, messages in messages, OLE objects, texts and all other data of `winmail.dat`",
		Magics: []unpack.Magic{{Text: signature}},
		Whole:  true,
		Walk:   walk,
	}
	f.Marks = []unpack.Mark{{Text: signature, Open: func(v *unpack.Visitor, at int64) (int64, error) {
		head := v.Content().Peek(at, attributesAt+1)
		if len(head) <= attributesAt || !isLevel(head[attributesAt]) {
			return 0, nil
		}
		return v.Embedded(f, at)
	}}}
	return []unpack.Format{f, compressedFormat()}
}

// attributesAt is the offset of the first attribute, behind the signature and a key of
// two bytes (MS-OXTNEF, 2.1.3.1).
const attributesAt = len(signature) + 2

// Levels of attributes (MS-OXTNEF, 2.1.3.2).
const (
	levelMessage    = 1
	levelAttachment = 2
)

func isLevel(b byte) bool { return b == levelMessage || b == levelAttachment }

// Attributes whose data is a list of MAPI properties.
const (
	messageProperties    = 0x69003
	attachmentProperties = 0x69005
)

func walk(v *unpack.Visitor, c unpack.Content) error {
	// In bytes: the level, the identifier and the size; and the sum behind the data.
	const headerSize, checksumSize = 9, 2
	at := int64(attributesAt)
	for at < c.Size() {
		var header [headerSize]byte
		if err := c.Fill(header[:], at); err != nil {
			return err
		}
		if !isLevel(header[0]) {
			break
		}
		id, size := binary.LittleEndian.Uint32(header[1:]), int64(binary.LittleEndian.Uint32(header[5:]))
		at += headerSize
		if err := attribute(v, id, c.Part(at, size)); err != nil {
			return err
		}
		if at += size + checksumSize; at > c.Size() {
			return unpack.Damaged("TNEF ends within an attribute of %d bytes", size)
		}
	}
	v.End(at)
	return nil
}

// attribute shows the data of one attribute: each property of a list, and else all of
// it.
func attribute(v *unpack.Visitor, id uint32, data unpack.Content) error {
	if data.Size() < unpack.MinContent {
		return nil
	}
	if id == messageProperties || id == attachmentProperties {
		list := properties{v: v, c: data}
		if err := list.walk(); err != nil || !list.broken {
			return err
		}
	}
	return v.Stream("attribute", data.Section(0, data.Size()))
}
