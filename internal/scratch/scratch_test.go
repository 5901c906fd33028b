package scratch

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFile disables files in memory, so that it does not run in parallel.
func TestFile(t *testing.T) {
	for _, tt := range []struct {
		name  string
		memfd func(string, int) (int, error)
	}{
		{"in memory", unix.MemfdCreate},
		{"on disk", func(string, int) (int, error) { return -1, unix.EPERM }},
		{"an old kernel", func(string, int) (int, error) { return -1, unix.ENOSYS }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func(was func(string, int) (int, error)) { memfd = was }(memfd)
			memfd = tt.memfd
			dir := t.TempDir()
			f, err := File(dir, []byte("content"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if got, err := io.ReadAll(f); string(got) != "content" || err != nil {
				t.Errorf("read %q, %v, want the content", got, err)
			}
			if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
				t.Errorf("it is %v, %v, want a regular file", info, err)
			}
			if names, err := os.ReadDir(dir); len(names) > 0 || err != nil {
				t.Errorf("names left: %v, %v, want only those of others", names, err)
			}
		})
	}
}

func TestFileError(t *testing.T) {
	defer func(was func(string, int) (int, error)) { memfd = was }(memfd)
	memfd = func(string, int) (int, error) { return -1, unix.EPERM }
	if f, err := File(filepath.Join(t.TempDir(), "missing"), nil); err == nil {
		f.Close()
		t.Error("File() in a missing folder: got no error, want one")
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := []string{
		"clamd-1/clamd.conf", "clamd-1/tmp/unpacked", "unpack-2", "lint-3/own.ndb", "freshclam-4.conf",
		"lazaret-stage-5/daily.cld",
		"lazaret-file-6", "kept", "clamd", "freshclam-7.log", "other/clamd-8",
	}
	for _, name := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	Sweep(dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if want := []string{"clamd", "freshclam-7.log", "kept", "other"}; !slices.Equal(got, want) {
		t.Errorf("left are %s, want %s", strings.Join(got, " "), strings.Join(want, " "))
	}
}
