package local

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lazaret/lazaret/local/sandbox"
	"github.com/lazaret/lazaret/local/template"
)

// Values of Config.Sandbox.
const (
	SandboxAuto = "auto" // as much as this machine allows
	SandboxOn   = "on"   // all, or the stack does not start
	SandboxOff  = "off"
)

// sandboxLevel is what Config.Sandbox asks for.
func (c Config) sandboxLevel() (sandbox.Level, error) {
	switch c.Sandbox {
	case "", SandboxAuto, SandboxOn:
		return sandbox.View, nil
	case SandboxOff:
		return sandbox.Off, nil
	}
	return sandbox.Off, fmt.Errorf("sandbox is %q, want %s, %s or %s", c.Sandbox, SandboxOn, SandboxOff, SandboxAuto)
}

// Sandbox says in one line how functions are confined, and why no further.
func (s *Stack) Sandbox() string {
	level, why := s.services.lambda.Level(), s.services.lambda.Weakness()
	said := map[sandbox.Level]string{
		sandbox.Off:      "off: functions may do what you may",
		sandbox.Filtered: "functions are refused the system calls that Lambda refuses, and may write wherever you may",
		sandbox.Guarded:  "functions are refused the system calls that Lambda refuses, and writes elsewhere than in their own /tmp and on the volume; they see your other files",
		sandbox.View:     "functions may do what Lambda's may",
	}[level]
	if why != nil {
		said += fmt.Sprintf(" (no more on this machine: %v)", why)
	}
	return said
}

// moveUsers gives access points' users, where root runs functions as them, ids that
// no account of this machine has.
func moveUsers(app *template.Application) {
	if !sandbox.OtherUsers() {
		return
	}
	for _, f := range app.Functions {
		for _, m := range f.Mounts {
			if p := m.AccessPoint; p != nil {
				for _, id := range []*int{&p.UID, &p.GID, &p.OwnerUID, &p.OwnerGID} {
					*id += sandbox.FirstUser()
				}
				for i := range p.SecondaryGIDs {
					p.SecondaryGIDs[i] += sandbox.FirstUser()
				}
			}
		}
	}
}

// shareVolume gives what the host made on the volume to those to whom it belongs
// on AWS, where functions run as others than the host: root does that for them.
func (s *Stack) shareVolume() error {
	if !sandbox.OtherUsers() {
		return nil
	}
	for _, f := range s.Application.Functions {
		for _, m := range f.Mounts {
			if m.AccessPoint == nil {
				continue
			}
			root := filepath.Join(s.volume, m.Root)
			if err := os.MkdirAll(root, 0o755); err != nil {
				return fmt.Errorf("make the volume: %w", err)
			}
			if err := adopt(root, m.AccessPoint.OwnerUID, m.AccessPoint.OwnerGID); err != nil {
				return fmt.Errorf("give the volume to its owner: %w", err)
			}
			if err := os.Chmod(root, fileMode(m.AccessPoint.Permissions)); err != nil {
				return fmt.Errorf("give the volume to its owner: %w", err)
			}
		}
	}
	return nil
}

// adopt gives to an owner what is root's in a folder. What a function wrote that had
// the very id of its access point, which an account may have, stays that access
// point's.
func adopt(dir string, uid, gid int) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		switch first := sandbox.FirstUser(); {
		case !ok || int(stat.Uid) >= first:
			return nil
		case stat.Uid == 0:
			return os.Lchown(path, uid, gid)
		case int(stat.Gid) >= first:
			return os.Lchown(path, first+int(stat.Uid), -1)
		default:
			return os.Lchown(path, first+int(stat.Uid), first+int(stat.Gid))
		}
	})
}

// fileMode is a mode in Unix's bits, as CloudFormation writes it.
func fileMode(bits uint32) fs.FileMode {
	mode := fs.FileMode(bits & 0o777)
	if bits&syscall.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	return mode
}
