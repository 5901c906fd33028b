// Package volume gives the folders of the shared volume to the users that access points name. Only a stack that root
// runs can do that, and only there functions run as those users.
package volume

import (
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lazaret/lazaret/local/sandbox"
	"github.com/lazaret/lazaret/local/template"
)

// MoveUsers replaces the ids in access points by ids that no account of this machine has.
func MoveUsers(functions []template.Function) {
	if !sandbox.OtherUsers() {
		return
	}
	for _, p := range accessPoints(functions) {
		for _, id := range []*int{&p.UID, &p.GID, &p.OwnerUID, &p.OwnerGID} {
			*id += sandbox.FirstUser()
		}
		for i := range p.SecondaryGIDs {
			p.SecondaryGIDs[i] += sandbox.FirstUser()
		}
	}
}

// Share creates the folders of the functions' mounts below root, and gives what is in them to the owners that access
// points name.
func Share(root string, functions []template.Function) error {
	if !sandbox.OtherUsers() {
		return nil
	}
	for dir, p := range accessPoints(functions) {
		path := filepath.Join(root, dir)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return fmt.Errorf("create the volume: %w", err)
		}
		if err := give(path, p.OwnerUID, p.OwnerGID); err != nil {
			return fmt.Errorf("give the volume to its owner: %w", err)
		}
		if err := os.Chmod(path, fileMode(p.Permissions)); err != nil {
			return fmt.Errorf("set the mode of the volume: %w", err)
		}
	}
	return nil
}

// accessPoints yields each access point of a mount with its folder on the volume.
func accessPoints(functions []template.Function) iter.Seq2[string, *template.AccessPoint] {
	return func(yield func(string, *template.AccessPoint) bool) {
		for _, f := range functions {
			for _, m := range f.Mounts {
				if m.AccessPoint != nil && !yield(m.Root, m.AccessPoint) {
					return
				}
			}
		}
	}
}

// give makes a user the owner of the files in a folder that no function wrote.
func give(dir string, uid, gid int) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) >= sandbox.FirstUser() {
			return nil
		}
		return os.Lchown(path, uid, gid)
	})
}

// fileMode converts the bits of chmod(2).
func fileMode(bits uint32) fs.FileMode {
	mode := fs.FileMode(bits & 0o777)
	if bits&syscall.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	return mode
}
