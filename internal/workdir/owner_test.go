package workdir_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/workdir"
)

// acts are what each function does on a new volume, in the order of a first
// upload that comes before the first definitions.
var acts = []struct {
	name string
	uid  uint32
	do   func(volume string) error
}{
	{"fetch waits for the folder", 1000, func(v string) error {
		d, err := workdir.Open(v + "/work")
		if err != nil {
			return err
		}
		if _, err := d.Create("a-1"); !errors.Is(err, job.ErrDefinitionsNotReady) {
			return fmt.Errorf("Create() = %w, want ErrDefinitionsNotReady", err)
		}
		return denied(os.Mkdir(v+"/definitions", 0o755))
	}},
	{"freshclam makes it", 1001, func(v string) error {
		if err := workdir.Prepare(v + "/work"); err != nil {
			return err
		}
		return errors.Join(workdir.Prepare(v+"/work"), os.Mkdir(v+"/definitions", 0o755), os.WriteFile(v+"/definitions/daily.cvd", nil, 0o444))
	}},
	{"fetch writes", 1000, func(v string) error {
		d, err := workdir.Open(v + "/work")
		if err != nil {
			return err
		}
		for _, name := range []string{"a-1", "a-2"} {
			f, err := d.Create(name)
			if err != nil {
				return err
			}
			if err := d.Publish(name, f); err != nil {
				return err
			}
		}
		return nil
	}},
	{"scan reads, removes, and can't touch definitions", 1000, func(v string) error {
		d, err := workdir.Open(v + "/work")
		if err != nil {
			return err
		}
		f, err := d.Read("a-1")
		if err != nil {
			return err
		}
		defer f.Close()
		return errors.Join(d.Remove("a-1"),
			denied(os.WriteFile(v+"/definitions/evil.ndb", nil, 0o644)),
			denied(os.Remove(v+"/definitions/daily.cvd")),
			denied(os.Rename(v+"/definitions", v+"/work/definitions")),
			denied(os.Chmod(v+"/definitions", 0o777)))
	}},
	{"freshclam sweeps", 1001, func(v string) error {
		n, err := workdir.Sweep(v+"/work", time.Now().Add(time.Hour))
		if err != nil || n != 1 {
			return fmt.Errorf("swept %d, %w", n, err)
		}
		return nil
	}},
}

func denied(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return fmt.Errorf("%w: must be denied", err)
}

// TestOwners goes through the acts under the user ids of infra/network.yaml.
// It needs root, as CI has, to become somebody else.
func TestOwners(t *testing.T) {
	if act, volume := os.Getenv("LAZARET_ACT"), os.Getenv("LAZARET_VOLUME"); act != "" {
		for _, a := range acts {
			if a.name == act {
				if err := a.do(volume); err != nil {
					t.Fatal(err)
				}
			}
		}
		return
	}
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must run this as root")
		}
		t.Skip("only root can become other users")
	}
	volume, err := os.MkdirTemp("/tmp", "lazaret-owners-") // t.TempDir may lie below a folder that others may not enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(volume) })
	// As EFS creates the root of an access point: CreationInfo.
	if err := errors.Join(os.Chown(volume, 1001, workdir.Group), os.Chmod(volume, 0o755|fs.ModeSetgid)); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(volume, "test") // the one that runs may not be theirs to run
	content, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, content, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, a := range acts {
		c := exec.CommandContext(t.Context(), program, "-test.run=^TestOwners$")
		c.Dir = volume
		c.Env = append(os.Environ(), "LAZARET_ACT="+a.name, "LAZARET_VOLUME="+volume, "TMPDIR=/tmp", "GOCOVERDIR=")
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: a.uid, Gid: a.uid, Groups: []uint32{workdir.Group}}}
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", a.name, err, out)
		}
	}
	info, err := os.Stat(volume + "/work")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode(), fs.ModeDir|fs.ModeSetgid|0o770; got != want {
		t.Errorf("work has mode %v, want %v", got, want)
	}
}
