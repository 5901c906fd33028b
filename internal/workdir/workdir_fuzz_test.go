package workdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
)

// harmlessName is a second implementation of the rule for names.
var harmlessName = regexp.MustCompile(`\A[[:word:]-]{1,80}(\.express-[0-9a-f]{16})?(\.[2-9])?\z`)

// FuzzName checks that with any name nothing outside the folder is read, written, linked or removed,
// and that an invalid name is refused before it is used.
func FuzzName(f *testing.F) {
	for _, name := range []string{
		"report_2026_pdf-0123456789abcdef0123456789abcdef01234567", "", ".", "..", "../secret", "/etc/passwd", "sub/secret",
		"link", "a.part",
		"a.express-0123456789abcdef.2", "a.express-0123456789abcde/", "a\n", "a\x00b", "-rf", "ａ", "..%2fsecret", "secret.scan1",
	} {
		f.Add(name)
	}
	base := f.TempDir()
	work := filepath.Join(base, "work")
	if err := errors.Join(
		os.MkdirAll(filepath.Join(work, "sub"), 0o700), os.Symlink("../secret", filepath.Join(work, "link")),
	); err != nil {
		f.Fatal(err)
	}
	for _, path := range []string{"secret", "secret.scan1", "secret.part", "work/sub/secret"} {
		if err := os.WriteFile(filepath.Join(base, path), []byte(path), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	before := tree(f, base)
	dir, err := Open(work)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		switch {
		case !harmlessName.MatchString(name):
			refused(t, dir, name)
		case name == "link":
			if file, err := dir.Read(name); err == nil {
				file.Close()
				t.Error("read a file outside the folder through a link, want an error")
			}
		case name != "sub":
			used(t, dir, name)
		}
		if after := tree(t, base); !slices.Equal(before, after) {
			t.Fatalf("the name %q changed the folder from %q to %q, want no change", name, before, after)
		}
	})
}

// refused checks that every operation refuses the name.
func refused(t *testing.T, dir *Dir, name string) {
	t.Helper()
	made, createErr := dir.Create(name)
	read, readErr := dir.Read(name)
	mark, markErr := dir.Mark(name, nil)
	if made != nil || read != nil || mark != nil {
		t.Errorf("Read(%q): got no error, want one", name)
	}
	for i, err := range []error{createErr, readErr, markErr, dir.Publish(name, nil), dir.Remove(name)} {
		if !errors.Is(err, job.ErrBadJob) {
			t.Errorf("operation %d with the name %q: %v, want a job.ErrBadJob", i, name, err)
		}
	}
}

// used creates, scans and removes a work file of that name.
func used(t *testing.T, dir *Dir, name string) {
	t.Helper()
	made, err := dir.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Publish(name, made); err != nil {
		t.Fatal(err)
	}
	file, err := dir.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	mark, err := dir.Mark(name, file)
	if err != nil || mark.Unfinished != 0 {
		t.Fatalf("Mark() = %+v, %v, want no unfinished scan", mark, err)
	}
	if err := errors.Join(mark.Keep(), dir.Remove(name)); err != nil {
		t.Fatal(err)
	}
}

// tree returns the paths and the contents below base.
func tree(t testing.TB, base string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
		content := []byte("no file")
		if err == nil && d.Type().IsRegular() {
			content, err = os.ReadFile(path)
		}
		all = append(all, path+" "+string(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
