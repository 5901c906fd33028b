package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// system lists the folders of this machine that a function may read: programs, libraries and their configuration. There
// is no /sys, /home, /run or /var.
var system = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix"}

// devices lists what Lambda has in /dev, besides the standard streams.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// task is the folder of the function's code on Lambda. Here it has the program only.
const task = "/var/task/"

const (
	readOnly = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID
	writable = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
)

// enter builds the view in the mount namespace of this process and makes it the root. It is called before dropRights,
// because some folders can be entered by the caller only.
func (s Spec) enter() error {
	root := s.Folder + "/root"
	// Mounts are not visible in other namespaces.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=1m"); err != nil {
		return fmt.Errorf("mount a root: %w", err)
	}
	v := view{root: root}
	for _, path := range system {
		v.same(path)
	}
	// It is often a link to a file of systemd in /run.
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
	v.bind(s.Path, task+filepath.Base(s.Path), readOnly) // the user may have no right to enter its folder
	for _, m := range s.Mounts {
		v.bind(m.Source, m.Target, writable)
	}
	if v.err != nil {
		return v.err
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, root, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("make the root read-only: %w", err)
	}
	// The old root is then mounted on top of the new one, and is unmounted: see pivot_root(2), "pivot_root(".", ".")".
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

// view is a root that is being built. After an error it does nothing more.
type view struct {
	root string
	err  error
}

// same adds a path of this machine, if it exists.
func (v *view) same(path string) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err == nil && info.Mode()&os.ModeSymlink != 0:
		target, _ := os.Readlink(path) // it is a link
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

// bind mounts a folder with all below it, or a file, at a path of the view.
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
