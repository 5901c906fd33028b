// Package activemime opens ActiveMime files (editdata.mso), in which Office stores
// the macros of a document that it saves as a web page: a header, and then a
// compound file compressed with zlib. Attackers send such files in mails that Word
// opens as documents. A file in which no zlib stream can be unpacked is refused as
// damaged.
package activemime

import (
	"compress/zlib"

	"github.com/lazaret/lazaret/internal/unpack"
)

const (
	magic = "ActiveMime"
	// maxHeader is how many bytes are searched for the zlib stream. Office puts it at
	// offset 50; readers also look further on.
	maxHeader = 4 << 10
)

// Format returns the ActiveMime format.
func Format() unpack.Format {
	return unpack.Format{
		Name:   "ActiveMime",
		Opens:  "macros that Office saves beside a web page",
		Magics: []unpack.Magic{{Text: magic}},
		Walk:   walk,
	}
}

func walk(v *unpack.Visitor, c unpack.Content) error {
	head := c.Peek(0, maxHeader)
	for at := len(magic); at < len(head); at++ {
		if head[at] != 'x' { // the first byte of every zlib stream with a window of 32 KiB
			continue
		}
		z, err := zlib.NewReader(c.Reader(int64(at)))
		if err != nil {
			continue
		}
		whole, err := v.TryStream("document", z)
		if err != nil || whole {
			return err
		}
	}
	return unpack.Damaged("ActiveMime file without a zlib stream that can be unpacked")
}
