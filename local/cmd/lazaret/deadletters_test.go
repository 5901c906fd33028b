package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
)

// TestLettersNotNamed checks that a listing which leaves letters out says how to see them all.
func TestLettersNotNamed(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{3: "", 5: "  … and 2 more; lazaret dead-letters list --output json names all\n"} {
		letters := lettersByError{Groups: redrive.Groups{MaxLetters: maxExamples}}
		for i := range n {
			letters.Add(redrive.Letter{Error: "TagLimit", MessageID: fmt.Sprint(i)})
		}
		var page strings.Builder
		letters.print(&page)
		if _, rest, more := strings.Cut(page.String(), "message 2\n"); !more || rest != want {
			t.Errorf("%d letters: got the page\n%s\nwant it to end with %q", n, &page, want)
		}
	}
}
