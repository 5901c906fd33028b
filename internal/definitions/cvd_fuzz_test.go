package definitions

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzReadHeader checks that a header is read from the first 512 bytes only, and that its values can
// be encoded as JSON.
func FuzzReadHeader(f *testing.F) {
	for _, text := range []string{
		container(dailyHeader), container(strings.TrimSuffix(dailyHeader, ":1794821067")), dailyHeader,
		container(dailyHeader + "x"),
		container("ClamAV-VDB:31 Dec 9999 23-59 -2359:1:2:3:a:b:c"), container("ClamAV-VDB:a:1:2:3:a:b:c:1099511627775"),
		container("ClamAV-VDB:::::::"), container("ClamAV-XDB:a:1:2:3:4:5:6:7"),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		in := bytes.NewReader(content)
		h, err := ReadHeader(in)
		if err != nil {
			if h != (Header{}) {
				t.Fatalf("ReadHeader() = %+v beside %v, want a zero header", h, err)
			}
			return
		}
		if len(content)-in.Len() != headerSize || !bytes.HasPrefix(content, []byte(headerMagic)) {
			t.Fatalf("a header of %d bytes in %q, want 512 bytes that begin with the magic", len(content)-in.Len(), content)
		}
		if h.Version < 0 || h.Signatures < 0 || h.FunctionalLevel < 0 || strings.Contains(h.Builder, ":") {
			t.Errorf("header %+v, want no negative number, and no colon in the builder", h)
		}
		if text, err := json.Marshal(Generation{Version: h.Version, Built: h.Built}); err != nil {
			t.Errorf("json.Marshal of the generation: %v: %s, want no error", err, text)
		}
		if again, err := ReadHeader(bytes.NewReader(content[:headerSize])); err != nil || again != h {
			t.Errorf("%+v with what follows, %+v without: %v, want the same", h, again, err)
		}
	})
}
