package machine

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Altered is a copy of the application with other texts in its template or its
// state machine: pairs of what is there and what is to be there instead. It
// returns the template's path.
func Altered(t testing.TB, pairs ...string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..")
	dir := t.TempDir()
	for _, folder := range []string{"build", "infra"} {
		if err := os.Symlink(filepath.Join(root, folder), filepath.Join(dir, folder)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "statemachine"), 0o755); err != nil {
		t.Fatal(err)
	}
	met := make([]bool, len(pairs))
	for _, name := range []string{"template.yaml", "statemachine/scan.asl.json"} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		text := string(content)
		for i := 0; i < len(pairs); i += 2 {
			if strings.Contains(text, pairs[i]) {
				met[i] = true
				text = strings.Replace(text, pairs[i], pairs[i+1], 1)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if !met[i] {
			t.Fatalf("neither the template nor the state machine holds %q", pairs[i])
		}
	}
	return filepath.Join(dir, "template.yaml")
}
