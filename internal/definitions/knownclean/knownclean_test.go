package knownclean

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func names(files []File) (names []string) {
	for _, f := range files {
		names = append(names, f.Name)
	}
	return names
}

// TestDocuments checks that README.md lists the documents that are embedded, and that
// these are the files of the folder.
func TestDocuments(t *testing.T) {
	t.Parallel()
	s, err := Find(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?`) \\|").FindAllSubmatch(text, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllSubmatch(row[1], -1) {
			documented = append(documented, "documents/"+string(name[1]))
		}
	}
	slices.Sort(documented)
	if diff := cmp.Diff(documented, names(s.Documents)); diff != "" {
		t.Errorf("-in README.md +embedded:\n%s", diff)
	}
	total := int64(0)
	for _, f := range s.Documents {
		opened, err := f.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(opened)
		opened.Close()
		want, wantErr := os.ReadFile(f.Name)
		if err != nil || wantErr != nil || string(got) != string(want) || f.Size != int64(len(want)) || len(want) < 6 {
			t.Errorf("%s: got %d bytes (%v) and size %d, want the %d bytes of the folder (%v)",
				f.Name, len(got), err, f.Size, len(want), wantErr)
		}
		total += f.Size
	}
	if total > 1<<20 {
		t.Errorf("got documents of %d bytes, want at most 1 MiB", total)
	}
	if len(s.System) > 0 {
		t.Errorf("got files %q of an empty folder, want none", names(s.System))
	}
}

// TestPackagesAreDocumented checks that docs/operations.md lists every package.
func TestPackagesAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(page)), " ")
	for _, p := range Packages() {
		if row := fmt.Sprintf("`%s` (%s)", p.Name, p.Licence); !strings.Contains(text, row) {
			t.Errorf("docs/operations.md does not name %s", row)
		}
	}
}

func TestSystemFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put := func(name string, size int) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("usr/bin/bash", 100)
	put("usr/bin/unknown", 100)
	put("usr/bin/dash/folder", 100)
	put("usr/lib/aarch64-linux-gnu/libc.so.6", 900)
	put("usr/lib/aarch64-linux-gnu/libxml2.so.2.9.14", 50)
	if err := os.Symlink("libxml2.so.2.9.14", filepath.Join(root, "usr/lib/aarch64-linux-gnu/libxml2.so.2")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		limit int64
		want  []string
	}{
		{
			1 << 20,
			[]string{
				"usr/bin/bash",
				"usr/lib/aarch64-linux-gnu/libc.so.6",
				"usr/lib/aarch64-linux-gnu/libxml2.so.2.9.14",
			},
		},
		{999, []string{"usr/bin/bash", "usr/lib/aarch64-linux-gnu/libxml2.so.2.9.14"}},
		{99, []string{"usr/lib/aarch64-linux-gnu/libxml2.so.2.9.14"}},
		{0, nil},
	}
	for _, tt := range tests {
		found, err := system(root, tt.limit)
		got := names(found)
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], root+"/")
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("system() with a limit of %d bytes = %q, %v, want %q", tt.limit, got, err, tt.want)
		}
	}
}

// TestThisMachine checks that the set has files of the system where the system is
// Debian, as in the image, and that it has no more than maxBytes anywhere.
func TestThisMachine(t *testing.T) {
	t.Parallel()
	s, err := Find("/")
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, f := range slices.Concat(s.Documents, s.System) {
		total += f.Size
	}
	if total > maxBytes {
		t.Errorf("got a set of %d bytes, want at most %d", total, maxBytes)
	}
	if _, err := os.Stat("/etc/debian_version"); err == nil && (len(s.System) < 100 || total < 20<<20) {
		t.Errorf("got %d files of the system and %d bytes, want at least 100 files and 20 MiB", len(s.System), total)
	}
}
