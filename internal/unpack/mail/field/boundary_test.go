package field_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/unpack/mail/field"
)

func TestBoundaries(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		` multipart/mixed; boundary="a b"` + "\r\n":               "a b",
		" x;\r\n boundary*0=a;\r\n boundary*1*=%62":               "ab",
		" x; boundary=a; boundary=b":                              "b",
		` x; boundary=""`:                                         "",
		" =?us-ascii?Q?x;_boundary=3Da?=":                         "a",
		" x; boundary=\"a\r\n\tb\"":                               "a\tb",
		" x; boundary=" + strings.Repeat("a", 1000):               strings.Repeat("a", 1000),
		" x; boundary*3=d; boundary*0=a; boundary*1=b":            "ab",
		" x; boundary*0=a; boundary*0=b; boundary*1=c":            "bc",
		" x; boundary = ( one ) ( two ) 'a'; charset=\"utf-8\"; ": "a",
	} {
		if got := field.Boundaries([]byte(text)); !slices.Contains(got, want) {
			t.Errorf("Boundaries(%q) = %q, want %q among them", text, got, want)
		}
	}
	for _, text := range []string{" text/plain; charset=utf-8", " x; name=boundary", ""} {
		if got := field.Boundaries([]byte(text)); len(got) > 0 {
			t.Errorf("Boundaries(%q) = %q, want none", text, got)
		}
	}
}

// TestBoundariesOfLongFields checks that a long field does not take the square of its
// length.
func TestBoundariesOfLongFields(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{
		"boundary", "boundary=", "boundary(", "boundary*", "(", "\r\n ", "=?a?Q?b?= ", "'",
		"\x00", "boundary*0=",
	} {
		begun := time.Now()
		field.Boundaries([]byte("boundary" + strings.Repeat(piece, 128<<10/len(piece))))
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("Boundaries of a field of %q took %s, want some milliseconds", piece, took)
		}
	}
}
