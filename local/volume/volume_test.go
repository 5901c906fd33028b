package volume

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/local/sandbox"
	"github.com/lazaret/lazaret/local/template"
)

// Files of root and of other accounts become the owner's, a second start changes nothing, and what a function wrote
// stays that function's.
func TestShare(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("gives files to other users, which needs root; CI is root")
	}
	first := sandbox.FirstUser()
	root := t.TempDir()
	for name, owner := range map[string][2]int{
		"root's": {0, 0}, "an account's": {1000, 1000}, "fetch's": {first + 1000, first + 1000},
	} {
		must(t, os.MkdirAll(filepath.Join(root, "lazaret"), 0o755))
		must(t, os.WriteFile(filepath.Join(root, "lazaret", name), nil, 0o600))
		must(t, os.Chown(filepath.Join(root, "lazaret", name), owner[0], owner[1]))
	}
	for range 2 {
		point := &template.AccessPoint{UID: 1000, GID: 1000, OwnerUID: 1001, OwnerGID: 1000, Permissions: 0o755}
		functions := []template.Function{{Mounts: []template.Mount{{Root: "/lazaret", AccessPoint: point}}}}
		MoveUsers(functions)
		must(t, Share(root, functions))
		for name, want := range map[string][2]int{
			"": {1001, 1000}, "root's": {1001, 1000}, "an account's": {1001, 1000}, "fetch's": {1000, 1000},
		} {
			var got unix.Stat_t
			must(t, unix.Stat(filepath.Join(root, "lazaret", name), &got))
			if int(got.Uid) != first+want[0] || int(got.Gid) != first+want[1] {
				t.Errorf("owner of %q: got %d:%d, want %d more than %v", name, got.Uid, got.Gid, first, want)
			}
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
