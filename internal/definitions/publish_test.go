package definitions

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// set stages definitions with one loose file.
func set(t *testing.T, content string) string {
	return stage(t, map[string]string{"own.ndb": content + "\n"})
}

func publish(t *testing.T, s *Store, dir string) Generation {
	t.Helper()
	g, err := s.Publish(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// tree returns what a store holds, with modes and targets of symlinks.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		got[rel] = info.Mode().String()
		if d.Type() == fs.ModeSymlink {
			got[rel], err = os.Readlink(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPublish(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "definitions")
	s := Open(root)
	staged := stage(t, sampleSet)
	g := publish(t, s, staged)
	want, err := Inspect(t.Context(), staged)
	if err != nil {
		t.Fatal(err)
	}
	want.Dir = filepath.Join(root, "generations", want.Fingerprint)
	if g != want {
		t.Errorf("Publish() = %+v, want %+v", g, want)
	}
	if got, err := s.Current(); err != nil || got != g {
		t.Errorf("Current() = %+v, %v, want %+v", got, err, g)
	}
	dir := "generations/" + g.Fingerprint
	got := tree(t, root)
	for path, mode := range map[string]string{
		"current": dir, dir: "drwxr-xr-x", dir + "/daily.cld": "-r--r--r--",
		dir + "/own.ndb": "-r--r--r--", dir + "/.generation.json": "-r--r--r--",
	} {
		if got[path] != mode {
			t.Errorf("%s is %q, want %q", path, got[path], mode)
		}
	}
	if _, ok := got[dir+"/freshclam.dat"]; ok {
		t.Error("freshclam.dat was published, want it left out")
	}
	// The generation must have the fingerprint of the staged folder.
	if again, err := Inspect(t.Context(), g.Dir); err != nil || again.Fingerprint != g.Fingerprint {
		t.Errorf("Inspect of the generation = %+v, %v, want the same fingerprint", again, err)
	}
}

func TestPublishSameContentChangesNothing(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir())
	first := publish(t, s, set(t, "one"))
	before := tree(t, s.root)
	again := publish(t, s, set(t, "one"))
	if again != first {
		t.Errorf("Publish() again = %+v, want %+v", again, first)
	}
	after := tree(t, s.root)
	if len(before) != len(after) || after["previous"] != before["previous"] {
		t.Errorf("store changed from %v to %v, want no change", before, after)
	}
}

func TestRollback(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir())
	if _, err := s.Rollback(); !errors.Is(err, ErrNone) {
		t.Errorf("Rollback of nothing = %v, want ErrNone", err)
	}
	one := publish(t, s, set(t, "one"))
	if _, err := s.Previous(); !errors.Is(err, ErrNone) {
		t.Errorf("Previous() of the first = %v, want ErrNone", err)
	}
	two := publish(t, s, set(t, "two"))
	for _, want := range []Generation{one, two, one} {
		got, err := s.Rollback()
		if err != nil || got != want {
			t.Fatalf("Rollback() = %+v, %v, want %+v", got, err, want)
		}
		if got, err := s.Current(); err != nil || got != want {
			t.Fatalf("Current() = %+v, %v, want %+v", got, err, want)
		}
	}
	// The generation from which was rolled back can be published again.
	if got := publish(t, s, set(t, "two")); got != two {
		t.Errorf("Publish() = %+v, want %+v", got, two)
	}
}

func TestCurrentStaysOnOneGeneration(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir())
	one := publish(t, s, set(t, "one"))
	publish(t, s, set(t, "two"))
	if got, err := Inspect(t.Context(), one.Dir); err != nil || got.Fingerprint != one.Fingerprint {
		t.Errorf("a pinned generation became %+v, %v, want it unchanged", got, err)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir())
	one := publish(t, s, set(t, "one"))
	two := publish(t, s, set(t, "two"))
	three := publish(t, s, set(t, "three"))
	left := filepath.Join(s.root, "generations", temporaryPrefix+"left")
	if err := os.Mkdir(left, 0o555); err != nil {
		t.Fatal(err)
	}
	if err := s.Prune(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{one.Dir, left} {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("%s went before its time: %v, want it kept for an hour", dir, err)
		}
	}
	if err := s.prune(time.Now().Add(minAge + time.Minute)); err != nil {
		t.Fatal(err)
	}
	for dir, stays := range map[string]bool{one.Dir: false, two.Dir: true, three.Dir: true, left: false} {
		if _, err := os.Stat(dir); (err == nil) != stays {
			t.Errorf("Stat(%s) = %v, want it kept: %t", dir, err, stays)
		}
	}
}

func TestPublishReplacesADamagedGeneration(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(dir string) error{
		"file lost":     func(dir string) error { return os.Remove(filepath.Join(dir, "own.ndb")) },
		"file cut":      func(dir string) error { return os.Truncate(filepath.Join(dir, "own.ndb"), 1) },
		"manifest lost": func(dir string) error { return os.Remove(filepath.Join(dir, manifestName)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Open(t.TempDir())
			g := publish(t, s, set(t, "one"))
			if err := errors.Join(os.Chmod(filepath.Join(g.Dir, "own.ndb"), 0o644), damage(g.Dir)); err != nil {
				t.Fatal(err)
			}
			if got := publish(t, s, set(t, "one")); got != g {
				t.Errorf("Publish() = %+v, want %+v", got, g)
			}
			if got, err := Inspect(t.Context(), g.Dir); err != nil || got.Fingerprint != g.Fingerprint {
				t.Errorf("the generation is %+v, %v, want it complete", got, err)
			}
		})
	}
}

func TestCurrentRefusesAnUnfinishedGeneration(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir())
	g := publish(t, s, set(t, "one"))
	if err := os.Remove(filepath.Join(g.Dir, manifestName)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Current(); !errors.Is(err, ErrNone) {
		t.Errorf("Current() = %v, want ErrNone", err)
	}
}

func TestCopyNoticesAChange(t *testing.T) {
	t.Parallel()
	src := filepath.Join(set(t, "one"), "own.ndb")
	dst := filepath.Join(t.TempDir(), "own.ndb")
	err := copyFile(t.Context(), src, dst, strings.Repeat("0", 64))
	if err == nil || !strings.Contains(err.Error(), "content changed") {
		t.Errorf("copyFile() = %v, want a changed content", err)
	}
}

func TestPublishInParallel(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir())
	dirs := []string{set(t, "one"), set(t, "two")}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 5 {
				if _, err := s.Publish(t.Context(), dirs[i%2]); err != nil {
					t.Error(err)
				}
				g, err := s.Current()
				if err != nil {
					t.Error(err)
					continue
				}
				if got, err := Inspect(t.Context(), g.Dir); err != nil || got.Fingerprint != g.Fingerprint {
					t.Errorf("current is %+v, %v, want it complete", got, err)
				}
			}
		})
	}
	wg.Wait()
}
