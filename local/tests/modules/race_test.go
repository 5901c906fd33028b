package modules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sideBySide lists the imports of code whose parts run side by side or share memory on purpose.
var sideBySide = []string{"sync", "sync/atomic", "golang.org/x/sync/errgroup", "golang.org/x/sync/semaphore"}

// TestNothingRunsSideBySideWithoutTheRaceDetector looks for goroutines in the packages that `make test` runs without
// the race detector. Those that only drive programs are not meant.
func TestNothingRunsSideBySideWithoutTheRaceDetector(t *testing.T) {
	t.Parallel()
	serial, raced := makeVariable(t, "SERIAL"), makeVariable(t, "RACED")
	count := 0
	for _, module := range []string{root, filepath.Join(root, "local")} {
		for line := range strings.Lines(goCommand(t, module, nil, "list", "-f", "{{.ImportPath}} {{.Dir}}", "./...")) {
			path, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
			if !serial.MatchString(path) || raced.MatchString(path) {
				continue
			}
			count++
			for _, found := range parallelCode(t, dir) {
				t.Errorf("%s: make test runs %s without the race detector (SERIAL in the Makefile)", found, path)
			}
		}
	}
	if count < 40 {
		t.Errorf("got %d packages that run without the race detector, want 40 at least, or this test looks at none", count)
	}
	if len(parallelCode(t, filepath.Join(root, "internal", "unpack"))) == 0 {
		t.Error("found no code of internal/unpack that runs side by side, want its scans")
	}
}

// makeVariable returns a pattern of the Makefile.
func makeVariable(t *testing.T, name string) *regexp.Regexp {
	t.Helper()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	value := regexp.MustCompile(`(?m)^` + name + ` *:= (.*)$`).FindStringSubmatch(string(makefile))
	if value == nil {
		t.Fatalf("the Makefile has no variable %s", name)
	}
	return regexp.MustCompile(strings.ReplaceAll(value[1], "$$", "$"))
}

// parallelCode returns where the code in a folder starts goroutines, or imports what they need. Tests are left out:
// what they start, they wait for.
func parallelCode(t *testing.T, dir string) (found []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("find the files in %s: got %q, %v, want one at least", dir, names, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			parallel := false
			switch n := n.(type) {
			case *ast.GoStmt:
				parallel = true
			case *ast.ImportSpec:
				path, err := strconv.Unquote(n.Path.Value)
				parallel = err == nil && slices.Contains(sideBySide, path)
			case *ast.SelectorExpr:
				parallel = n.Sel.Name == "AfterFunc"
			}
			if parallel {
				found = append(found, files.Position(n.Pos()).String())
			}
			return true
		})
	}
	return found
}
