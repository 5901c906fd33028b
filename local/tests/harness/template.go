package harness

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/testing/need"
)

// AlteredTemplate copies the template and the machine of scans to a temporary folder, replaces texts in them, and
// returns the path of the copied template. The texts are pairs, as those of strings.NewReplacer: an old one, which
// must occur in one of the two files, and the new one for its first occurrence.
func AlteredTemplate(t testing.TB, oldNew ...string) string {
	t.Helper()
	root := need.Programs(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "statemachine"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, unaltered := range []string{"build", "infra", "statemachine/sweep.asl.json"} {
		if err := os.Symlink(filepath.Join(root, unaltered), filepath.Join(dir, unaltered)); err != nil {
			t.Fatal(err)
		}
	}
	replaced := map[string]bool{}
	for _, name := range []string{"template.yaml", "statemachine/scan.asl.json"} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		text := string(content)
		for i := 0; i < len(oldNew); i += 2 {
			if strings.Contains(text, oldNew[i]) {
				replaced[oldNew[i]] = true
				text = strings.Replace(text, oldNew[i], oldNew[i+1], 1)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(oldNew); i += 2 {
		if !replaced[oldNew[i]] {
			t.Fatalf("neither the template nor the state machine contains %q", oldNew[i])
		}
	}
	return filepath.Join(dir, "template.yaml")
}
