package coverage

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"io"
	"testing"

	"github.com/ulikunitz/xz"
)

// FuzzStreams: one compressed stream of any kind. Where another decoder
// unpacks more of it than was unpacked here, it is not covered.
func FuzzStreams(f *testing.F) {
	text := pages(300)
	seed(f, gzipOf(f, text), join(gzipOf(f, text), gzipOf(f, text)), join(gzipOf(f, text), make([]byte, 40)), xzOf(f, text),
		join(xzOf(f, text), make([]byte, 8), xzOf(f, text)), zstdOf(f, text), join(zstdOf(f, text), zstdOf(f, text)), lz4Of(f, text),
		join(lz4Of(f, text), lz4Of(f, text)), lzmaOf(f, text), fixture(f, "other", "harmless.Z"), fixture(f, "other", "harmless.txt.bz2"))
	others := []func(io.Reader) (io.Reader, error){
		func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil },
		func(r io.Reader) (io.Reader, error) { return xz.ReaderConfig{DictCap: 4 << 20}.NewReader(r) },
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		walked(t, content, walkGzip)
		walked(t, content, walkLZMA)
		walked(t, content, packed("compress", openZ, false).walk)
		w := walked(t, content, func(w *walk, n node) error { return w.look(n) })
		if w.refused != nil {
			return
		}
		for i, open := range others {
			if n := unpacks(open, content); n > w.bytes {
				t.Fatalf("covered with %d bytes unpacked, and decoder %d unpacks %d", w.bytes, i, n)
			}
		}
	})
}

// unpacks returns how much a decoder makes of the whole of content, 0 if it
// fails or is asked for much memory.
func unpacks(open func(io.Reader) (io.Reader, error), content []byte) (n int64) {
	defer func() {
		if recover() != nil { // a decoder that gave up opened nothing
			n = 0
		}
	}()
	r, err := open(bytes.NewReader(content))
	if err != nil {
		return 0
	}
	n, err = io.Copy(io.Discard, io.LimitReader(r, tight.Unpacked+1))
	if err != nil {
		return 0
	}
	return n
}
