package zip_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/unpacktest"
)

// TestManyEmpty checks that clamd is not given a zip as a whole if its time would grow
// with the square of the number of members without content, and that a signature in
// another member is found in seconds.
func TestManyEmpty(t *testing.T) {
	t.Parallel()
	many := func(n int, name string, more ...unpacktest.Zipped) []byte {
		var all []unpacktest.Zipped
		for i := range n {
			all = append(all, unpacktest.Zipped{Name: fmt.Sprintf(name, i)})
		}
		return unpacktest.ZipOf(t, append(all, more...)...)
	}
	evil := unpacktest.Zipped{Name: "z", Content: eicarText(), Method: 8}
	harmless := unpacktest.Zipped{Name: "z", Content: unpacktest.Pages(500), Method: 8}
	var all []unpacktest.Zipped
	for i := range 8000 {
		all = append(
			all,
			unpacktest.Zipped{Name: fmt.Sprintf("f%d/", i)},
			unpacktest.Zipped{Name: fmt.Sprintf("f%d/a", i), Content: []byte("x")},
		)
	}
	between := unpacktest.ZipOf(t, all...)
	// The end record has too small a count, which clamd ignores.
	short := many(20000, "f%d", harmless)
	end := bytes.LastIndex(short, []byte("PK\x05\x06"))
	short = patch(short, end+8, uint16(1), uint16(1), uint32(47+1))
	for _, tt := range []struct {
		name    string
		content []byte
		whole   bool // scanned as a whole
		want    string
	}{
		{name: "some", content: many(1500, "f%d", harmless), whole: true, want: unpacktest.Clean},
		{name: "many folders between files", content: between, whole: true, want: unpacktest.Clean},
		{name: "many", content: many(60000, "f%d", harmless), want: "limit-files"},
		{name: "many folders", content: many(60000, "f%d/", harmless), want: "limit-files"},
		{name: "many and one infected", content: many(60000, "f%d", evil), want: unpacktest.Infected},
		{
			name:    "many before one infected in a zip in a zip",
			content: unpacktest.GoZip(t, "a", many(60000, "f%d", evil)),
			whole:   true,
			want:    unpacktest.Infected,
		},
		{name: "more than the end record says", content: short, want: "limit-files"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole := false
			got := unpacktest.Check(t, checker(), tt.content, func(ctx context.Context, f *os.File,
				sum unpack.Sum,
			) (unpack.Finding, error) {
				if info, err := f.Stat(); err == nil && info.Size() == int64(len(tt.content)) {
					whole = true
				}
				return unpacktest.Marker(ctx, f, sum)
			})
			if v := unpacktest.Verdict(got); v != tt.want || whole != tt.whole {
				t.Errorf("got %+v, scanned as a whole: %t, want %s, %t", got, whole, tt.want, tt.whole)
			}
		})
	}
}
