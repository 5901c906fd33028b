package formats_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
)

var write = flag.Bool("write", false, "write the table of formats into docs/coverage.md")

const (
	page  = "../../../docs/coverage.md"
	begin = "<!-- formats: go test ./internal/unpack/formats -run TestDocumentation -write -->\n"
	end   = "<!-- end of formats -->\n"
)

// TestDocumentation checks that docs/coverage.md has the table of formats.
func TestDocumentation(t *testing.T) {
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	have, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table of formats", page)
	}
	want := table()
	if *write {
		if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != want {
		t.Errorf(
			"%s does not list the formats as they are: go test ./internal/unpack/formats -run TestDocumentation -write",
			page,
		)
	}
}

// table has a row for each format but those without Opens, which are all refused and
// have one row together.
func table() string {
	var b strings.Builder
	b.WriteString("| format | what is opened, and what is refused | found | tests |\n| --- | --- | --- | --- |\n")
	for _, p := range formats.Packages() {
		for _, f := range p.Formats {
			if f.Opens == "" {
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | %s | `internal/unpack/%s` |\n", f.Name, f.Opens, where(f), p.Name)
		}
	}
	return b.String()
}

// where says in what places a format is recognised.
func where(f unpack.Format) string {
	switch start, middle := f.Walk != nil, len(f.Marks) > 0; {
	case start && middle:
		return "anywhere"
	case middle:
		return "anywhere in text or other content"
	case f.Guess:
		return "at the beginning, where nothing else is recognised"
	}
	return "at the beginning"
}

// TestEveryFormatSaysWhatItOpens checks Opens and Name. Only package closed has formats
// without Opens.
func TestEveryFormatSaysWhatItOpens(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, p := range formats.Packages() {
		for _, f := range p.Formats {
			if f.Opens == "" && p.Name != "closed" {
				t.Errorf("got no Opens for format %s of package %s", f.Name, p.Name)
			}
			if names[f.Name] && p.Name != "closed" {
				t.Errorf("two formats are called %s", f.Name)
			}
			names[f.Name] = true
		}
	}
}
