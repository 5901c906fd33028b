package closed_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// TestInside checks that a signature in a refused file is the verdict.
func TestInside(t *testing.T) {
	t.Parallel()
	evil := unpacktest.Join(
		make([]byte, 80),
		unpacktest.GzipOf(t, unpacktest.Join(unpacktest.Pages(500), unpacktest.Eicar())),
	)
	unpacktest.Try(t, formats.All(), []unpacktest.Sample{
		{Name: "squashfs", Content: unpacktest.Join(unpacktest.SquashHead(), evil), Want: unpacktest.Infected},
		{
			Name:    "KeePass",
			Content: unpacktest.Join([]byte("\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5"), evil),
			Want:    unpacktest.Infected,
		},
		{Name: "ext", Content: unpacktest.Join(unpacktest.ExtOf(), evil), Want: unpacktest.Infected},
		{
			Name:    "beside an encrypted member of a zip",
			Content: unpacktest.ZipOf(t, encrypted(t), unpacktest.Zipped{Name: "b", Content: evil}),
			Want:    unpacktest.Infected,
		},
	})
}

// encrypted is a member that is a KeePass database.
func encrypted(t testing.TB) unpacktest.Zipped {
	t.Helper()
	content := unpacktest.Join([]byte("\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5"), unpacktest.Pages(400))
	return unpacktest.Zipped{Name: "a", Content: content, Method: 8}
}
