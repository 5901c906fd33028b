package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
)

// TestErrorsAreDocumented holds the table of errors in operations.md to the names that the state machine knows, and to
// those of dead letters that dispatch sends. Each row says what to type.
func TestErrorsAreDocumented(t *testing.T) {
	t.Parallel()
	_, section, found := strings.Cut(content(t, "../../../docs/operations.md"), "\n## Errors\n")
	section, _, _ = strings.Cut(section, "\n#")
	if !found {
		t.Fatal("operations.md has no section Errors")
	}
	want := []string{job.Unnamed, redrive.NotDispatched, redrive.NotUnderstood, "Unreported"}
	for _, n := range job.Named {
		want = append(want, n.Name)
	}
	var got []string
	for _, row := range regexp.MustCompile(`(?m)^\| (.*) \| (.*) \| (.*) \|$`).FindAllStringSubmatch(section, -1) {
		if row[1] == "error" || row[1] == "---" {
			continue
		}
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			got = append(got, name[1])
		}
		if row[2] == "" || row[3] == "" {
			t.Errorf("the row of %s is empty", row[1])
		}
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("operations.md has no row for the error %s", name)
		}
	}
	if sorted := slices.Sorted(slices.Values(got)); len(slices.Compact(slices.Clone(sorted))) != len(sorted) {
		t.Errorf("operations.md has two rows for one error: %q", sorted)
	}
}

// TestStatesOfStatusAreDocumented has a row in operations.md for each line of the page of lazaret status.
func TestStatesOfStatusAreDocumented(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(content(t, "../../../docs/operations.md"), "\n## Is all well now: `lazaret status`\n")
	section, _, _ = strings.Cut(section, "\n## ")
	page := content(t, "../../cmd/lazaret/status/testdata/broken.golden.txt")
	lines := regexp.MustCompile(`(?m)^  (?:ok|WRONG|not known) +(\S+(?: \S+)?)  `).FindAllStringSubmatch(page, -1)
	if len(lines) < 9 {
		t.Fatalf("the page of status has the lines %q, want nine", lines)
	}
	for _, l := range lines {
		if !strings.Contains(section, "\n| "+l[1]+" | ") {
			t.Errorf("operations.md has no row for the line %q of lazaret status", l[1])
		}
	}
}
