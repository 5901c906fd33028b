package local

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/local/sandbox"
	"github.com/lazaret/lazaret/local/template"
)

// What root and functions wrote belongs to ids that no account has, and a second
// start, and a volume of a version that gave them others, change nothing about that.
func TestShareVolume(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("gives files to other users, which needs root; CI is root")
	}
	first := sandbox.FirstUser()
	volume := t.TempDir()
	for name, owner := range map[string][2]int{"root's": {0, 0}, "fetch's, before": {1000, 1000}, "fetch's": {first + 1000, first + 1000}} {
		must(t, os.MkdirAll(filepath.Join(volume, "lazaret"), 0o755))
		must(t, os.WriteFile(filepath.Join(volume, "lazaret", name), nil, 0o600))
		must(t, os.Chown(filepath.Join(volume, "lazaret", name), owner[0], owner[1]))
	}
	for range 2 {
		app := scanning()
		app.Functions[0].Mounts[0].AccessPoint = &template.AccessPoint{UID: 1000, GID: 1000, OwnerUID: 1001, OwnerGID: 1000, Permissions: 0o755}
		moveUsers(app)
		s := &Stack{Application: app, volume: volume}
		must(t, s.shareVolume())
		for name, want := range map[string][2]int{"": {1001, 1000}, "root's": {1001, 1000}, "fetch's, before": {1000, 1000}, "fetch's": {1000, 1000}} {
			var got unix.Stat_t
			must(t, unix.Stat(filepath.Join(volume, "lazaret", name), &got))
			if int(got.Uid) != first+want[0] || int(got.Gid) != first+want[1] {
				t.Errorf("%q is user %d's, group %d's; want %d more than %v", name, got.Uid, got.Gid, first, want)
			}
		}
	}
}
