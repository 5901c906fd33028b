package coverage

import (
	"archive/zip"
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

// FuzzZip: a zip cannot be harmless to us and something else to another
// reader. Every byte of it is a member's, a header's, or was looked at as a
// remainder, and every member that Go's own reader finds is one that was
// unpacked here.
func FuzzZip(f *testing.F) {
	text := pages(300)
	plain := zipOf(f, zipped{name: "a", content: text, method: 8}, zipped{name: "b", content: text, wide: true, streams: true})
	seed(f, plain, join(plain, plain), join(png, plain), unlisted(f, text), goZip(f, "a", plain),
		zipOf(f, zipped{name: "a", content: text, method: 8, wide: true, local64: true}, zipped{name: "d/"}),
		zipOf(f, zipped{name: "a", content: text, method: 93, packed: zstdOf(f, text)}, zipped{name: "b", content: text, method: 14, packed: zipLZMAOf(f, text)}),
		zipOf(f, zipped{name: "META-INF/manifest.xml", content: []byte("<a:encryption-data/>")}))
	f.Fuzz(func(t *testing.T, content []byte) {
		w := walked(t, content, func(w *walk, n node) error { return w.look(n) })
		walked(t, content, walkZip)
		members := zipStructure(t, content)
		if w.refused != nil {
			return
		}
		other, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		for _, theirs := range other.File {
			at, err := theirs.DataOffset()
			if err != nil || strings.HasSuffix(theirs.Name, "/") || !opens(theirs) {
				continue
			}
			if !slices.ContainsFunc(members, func(m zipMember) bool { return m.data == at && m.packed == int64(theirs.CompressedSize64) }) {
				t.Fatalf("covered, but %q at %d of %d bytes was not seen: %+v", theirs.Name, at, theirs.CompressedSize64, members)
			}
		}
	})
}

// opens reports whether Go unpacks a member of at least a byte, and its
// checksum is right.
func opens(m *zip.File) bool {
	r, err := m.Open()
	if err != nil {
		return false
	}
	defer r.Close()
	n, err := io.Copy(io.Discard, io.LimitReader(r, tight.Unpacked))
	return err == nil && n > 0
}

// zipStructure returns the members that the directory lists, and those of the
// zip before it: Go reads that one, others the last.
func zipStructure(t *testing.T, content []byte) []zipMember {
	t.Helper()
	n := node{r: bytes.NewReader(content), size: int64(len(content))}
	d, ok, err := findZipEnd(n)
	if err != nil || !ok {
		return nil
	}
	if d.start < 0 || d.start > d.end || d.end > d.comment || d.after > n.size || d.base > d.start {
		t.Fatalf("directory %+v in %d bytes", d, n.size)
	}
	members, err := n.zipMembers(d)
	if err != nil {
		return nil
	}
	for _, m := range members {
		if m.local < 0 || m.data < m.local+30 || m.packed < 0 || m.size < 0 || m.data+m.packed > d.start {
			t.Fatalf("member %+v, directory %+v", m, d)
		}
	}
	if d.base > 0 && d.base < n.size {
		members = append(members, zipStructure(t, content[:d.base])...)
	}
	return members
}
