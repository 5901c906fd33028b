package tar

import (
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/lazaret/lazaret/internal/unpack"
)

type failingReaderAt struct{ err error }

func (f failingReaderAt) ReadAt(p []byte, _ int64) (int, error) {
	return iotest.ErrReader(f.err).Read(p)
}

// TestSparseReadError checks that the reader of a sparse member returns a read error.
func TestSparseReadError(t *testing.T) {
	t.Parallel()
	broken := errors.New("volume is away")
	stored := unpack.NewContent(failingReaderAt{broken}, 100)
	r, _, err := put(member{header: make(header, block)}, stored, []piece{{at: 10, size: 100}}, 200)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); !errors.Is(err, broken) {
		t.Errorf("got %d bytes, %v, want %v", len(got), err, broken)
	}
}
