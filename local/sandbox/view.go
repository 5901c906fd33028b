package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// system are the folders of this machine that a function may read: programs,
// libraries, and what configures them. There is no /sys, /home, /run or /var.
var system = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix"}

// devices are all that Lambda has in /dev, beside the standard streams.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// task is where Lambda keeps the function's code; here it is the program alone.
const task = "/var/task/"

const (
	readOnly = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID
	writable = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
)

// enter builds the view in this process's own mount namespace and makes it its
// root. Folders that only the caller may enter are mounted while it still may.
func (s Spec) enter() error {
	root := s.Folder + "/root"
	// Nothing that follows shows anywhere else.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("part mounts: %w", err)
	}
	if err := unix.Mount("tmpfs", root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=1m"); err != nil {
		return fmt.Errorf("mount a root: %w", err)
	}
	v := view{root: root}
	for _, path := range system {
		v.same(path)
	}
	// Often a link to a folder of systemd's, which is in /run.
	if path, err := filepath.EvalSymlinks("/etc/resolv.conf"); err == nil && !strings.HasPrefix(path, "/etc/") {
		v.bind(path, path, readOnly)
	}
	for _, path := range devices {
		v.bind(path, path, 0)
	}
	for i, name := range []string{"stdin", "stdout", "stderr"} {
		v.link(fmt.Sprintf("/proc/self/fd/%d", i), "/dev/"+name)
	}
	v.bind("/proc", "/proc", unix.MOUNT_ATTR_RDONLY)
	v.bind(s.Folder+"/tmp", "/tmp", writable)
	v.bind(s.Path, task+filepath.Base(s.Path), readOnly) // its folder may be closed to the user
	for _, m := range s.Mounts {
		v.bind(m.Source, m.Target, writable)
	}
	if v.err != nil {
		return v.err
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, root, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("make the root read-only: %w", err)
	}
	// The old root ends on top of the new one, from where it is taken off; see
	// pivot_root(2), "pivot_root(".", ".")".
	err := os.Chdir(root)
	if err == nil {
		err = unix.PivotRoot(".", ".")
	}
	if err == nil {
		err = unix.Unmount(".", unix.MNT_DETACH)
	}
	if err == nil {
		err = os.Chdir(task)
	}
	if err != nil {
		return fmt.Errorf("enter the view: %w", err)
	}
	return nil
}

// view is a root that is being built. After its first error it does nothing.
type view struct {
	root string
	err  error
}

// same shows a path as it is on this machine, where it is there.
func (v *view) same(path string) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err == nil && info.Mode()&os.ModeSymlink != 0:
		target, _ := os.Readlink(path) // read a moment ago
		v.link(target, path)
	default:
		v.bind(path, path, readOnly)
	}
}

func (v *view) link(target, path string) {
	if v.err == nil {
		v.err = os.Symlink(target, v.root+path)
	}
}

// bind mounts source, and all below it, at path of the view.
func (v *view) bind(source, path string, attributes uint64) {
	if v.err != nil {
		return
	}
	place := v.root + path
	info, err := os.Stat(source)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(place), 0o755)
	}
	if err == nil && info.IsDir() {
		err = os.MkdirAll(place, 0o755)
	} else if err == nil {
		err = os.WriteFile(place, nil, 0o644)
	}
	if err == nil {
		err = unix.Mount(source, place, "", unix.MS_BIND|unix.MS_REC, "")
	}
	if err == nil && attributes != 0 {
		err = unix.MountSetattr(unix.AT_FDCWD, place, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attributes})
	}
	if err != nil {
		v.err = fmt.Errorf("mount %s as %s: %w", source, path, err)
	}
}
