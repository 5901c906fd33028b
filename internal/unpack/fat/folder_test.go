package fat

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// visitor returns a visitor with the default limits.
func visitor(t *testing.T) (v *unpack.Visitor) {
	t.Helper()
	f := unpack.Format{Name: "any", Magics: []unpack.Magic{{Text: "ANY"}}}
	f.Walk = func(of *unpack.Visitor, _ unpack.Content) error {
		v = of
		return nil
	}
	unpacktest.Check(t, unpack.Checker{Formats: unpack.NewFormats(f)}, []byte("ANY"), unpacktest.FindsNothing)
	return v
}

// TestLongNamesAreBounded checks a folder with more parts of one long name than a name
// can have: the time to join them would grow with the square of their number.
func TestLongNamesAreBounded(t *testing.T) {
	t.Parallel()
	part := make([]byte, 32)
	part[0], part[11] = 1, longName
	for _, at := range []int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30} {
		part[at] = 'a'
	}
	file := make([]byte, 32)
	copy(file, "A          ")
	binary.LittleEndian.PutUint16(file[26:], 2)
	content := append(make([]byte, 32), bytes.Repeat(part, 1000)...) // after the end of the folder
	tree := &tree{table: table{volume: volume{kind: 16, clusters: 10, cluster: 512}}, w: &walker{v: visitor(t)}}
	if err := tree.entries("", append(content, file...)); err != nil {
		t.Fatal(err)
	}
	if len(tree.afterEnd) != 1 || len(tree.afterEnd[0].name) < 255 || len(tree.afterEnd[0].name) > 1024 {
		t.Errorf("got %d files, the first named %.20q..., want one whose name has 255 to 1024 bytes",
			len(tree.afterEnd), tree.afterEnd[0].name)
	}
}
