package coverage

import (
	"bytes"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
)

// A file of nothing but beginnings must not take minutes a megabyte.
func TestManyBeginnings(t *testing.T) {
	t.Parallel()
	for name, head := range map[string][]byte{
		"gzip": []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"), "lz4": lz4Of(t, pages(300))[:30],
		"xz": xzOf(t, pages(300))[:40], "zstd": zstdOf(t, pages(300))[:20],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := join([]byte("text first "), bytes.Repeat(head, maxNoStreams+100))
			got, err := Checker{}.Check(t.Context(), bytes.NewReader(content), int64(len(content)), calm)
			if err != nil || got.Reason != job.LimitFiles {
				t.Errorf("Check() = %+v, %v, want %s", got, err, job.LimitFiles)
			}
		})
	}
}
