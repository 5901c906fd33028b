package datadir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The data folder is used when no other user could have put something into it.
func TestCloseToOthers(t *testing.T) {
	t.Parallel()
	const somebody = 12345
	mode := func(bits os.FileMode) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { must(t, os.Chmod(dir, bits)) }
	}
	file := func(name string, bits os.FileMode) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
			must(t, os.Chmod(dir, bits))
		}
	}
	for name, test := range map[string]struct {
		prepare func(t *testing.T, dir string)
		root    bool   // only root can prepare it
		want    string // in the error; empty where the folder is used
	}{
		"new":                              {mode(0o755), false, ""},
		"0700":                             {mode(0o700), false, ""},
		"a stack's, which others may read": {file("lock", 0o755), false, ""},
		"empty, which all may write to":    {mode(0o777), false, ""},
		"full, which all may write to":     {file("lock", 0o777), false, "others may write"},
		"full, like /tmp":                  {file("lock", 0o777|os.ModeSticky), false, "others may write"},
		"full, which a group may write to": {file("lock", 0o770), false, "others may write"},
		"something else":                   {file("passwd", 0o755), false, "not a local stack's"},
		"a link of the user's":             {link(-1), false, ""},
		"somebody else's": {func(t *testing.T, dir string) {
			must(t, os.Chown(dir, somebody, -1))
		}, true, "user 12345 owns"},
		"a link of somebody else's": {link(somebody), true, "user 12345 owns"},
		"below somebody else's": {func(t *testing.T, dir string) {
			must(t, os.Chown(filepath.Dir(dir), somebody, -1))
		}, true, "user 12345 owns"},
		"below one that all may write to": {func(t *testing.T, dir string) {
			must(t, os.Chmod(filepath.Dir(dir), 0o777))
		}, false, "everybody may write to"},
		"below one of a group of users": {func(t *testing.T, dir string) {
			must(t, os.Chown(filepath.Dir(dir), -1, somebody))
			must(t, os.Chmod(filepath.Dir(dir), 0o775))
		}, true, "group 12345 may write to"},
		"below one of the user's own group": {func(t *testing.T, dir string) {
			must(t, os.Chown(filepath.Dir(dir), -1, 0))
			must(t, os.Chmod(filepath.Dir(dir), 0o775))
		}, true, ""},
		"below one like /tmp": {func(t *testing.T, dir string) {
			must(t, os.Chmod(filepath.Dir(dir), 0o777|os.ModeSticky))
		}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.root && os.Geteuid() != 0 {
				t.Skip("gives a folder to another user, which needs root; CI is root")
			}
			dir := filepath.Join(t.TempDir(), "above", "data")
			must(t, os.MkdirAll(dir, 0o755))
			test.prepare(t, dir)
			var before, after unix.Stat_t
			must(t, unix.Stat(dir, &before))
			err := closeToOthers(dir)
			must(t, unix.Stat(dir, &after))
			switch {
			case test.want == "" && (err != nil || after.Mode&0o7777 != 0o700):
				t.Errorf("got error %v and mode %#o, want no error and 0700", err, after.Mode&0o7777)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || after.Mode != before.Mode):
				t.Errorf("got error %v and mode %#o, want error %q and mode %#o", err, after.Mode, test.want, before.Mode)
			}
		})
	}
}

// A link of another user, for example in /tmp, is not followed.
func TestMakeFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("gives a link to another user, which needs root; CI is root")
	}
	above, chosen := t.TempDir(), t.TempDir()
	for name, owner := range map[string]int{"mine": -1, "theirs": 12345} {
		must(t, os.Symlink(chosen, filepath.Join(above, name)))
		must(t, os.Lchown(filepath.Join(above, name), owner, -1))
		err := makeFolder(filepath.Join(above, name, "a", name))
		_, made := os.Stat(filepath.Join(chosen, "a", name))
		if (err == nil) != (owner < 0) || (made == nil) != (owner < 0) {
			t.Errorf("%s: %v; the folder: %v", name, err, made)
		}
	}
}

// link replaces the folder by a symbolic link that a user owns.
func link(owner int) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		must(t, os.Rename(dir, dir+" itself"))
		must(t, os.Symlink(dir+" itself", dir))
		must(t, os.Lchown(dir, owner, -1))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
