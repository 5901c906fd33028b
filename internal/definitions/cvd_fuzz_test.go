package definitions

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzReadHeader: a header is the first 512 bytes and nothing else; what it
// says can be written down, and sorts as a version and a time do.
func FuzzReadHeader(f *testing.F) {
	for _, text := range []string{
		container(dailyHeader), container(strings.TrimSuffix(dailyHeader, ":1794821067")), dailyHeader, container(dailyHeader + "x"),
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
				t.Fatalf("ReadHeader() = %+v beside %v", h, err)
			}
			return
		}
		if len(content)-in.Len() != headerSize || !bytes.HasPrefix(content, []byte(headerMagic)) {
			t.Fatalf("a header of %d bytes in %q", len(content)-in.Len(), content)
		}
		if h.Version < 0 || h.Signatures < 0 || h.FunctionalLevel < 0 || strings.Contains(h.Builder, ":") {
			t.Errorf("header %+v", h)
		}
		if text, err := json.Marshal(Generation{Version: h.Version, Built: h.Built}); err != nil {
			t.Errorf("a generation that cannot be written: %v: %s", err, text)
		}
		if again, err := ReadHeader(bytes.NewReader(content[:headerSize])); err != nil || again != h {
			t.Errorf("%+v with what follows, %+v without: %v", h, again, err)
		}
	})
}
