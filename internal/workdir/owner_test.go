package workdir_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/internal/workdir"
)

// steps are what each function does on a new volume, in the order of an upload that comes before the
// first definitions.
const makesWork = "freshclam makes it"

var steps = []struct {
	name string
	by   string // the access point: Fetch, Scan or Freshclam
	do   func(volume string) error
}{
	{name: "scan may not make the folder, and asks for the file again", by: "Scan", do: func(v string) error {
		d, err := workdir.Open(v + "/work")
		if err != nil {
			return err
		}
		if _, err := d.Read("a-1"); !errors.Is(err, job.ErrWorkFileGone) {
			return fmt.Errorf("Read() = %w, want ErrWorkFileGone", err)
		}
		return denied(os.Mkdir(v+"/definitions", 0o755))
	}},
	{name: makesWork, by: "Freshclam", do: func(v string) error {
		if err := workdir.Prepare(v + "/work"); err != nil {
			return err
		}
		return errors.Join(
			workdir.Prepare(v+"/work"),
			os.Mkdir(v+"/definitions", 0o755),
			os.WriteFile(v+"/definitions/daily.cvd", nil, 0o444),
		)
	}},
	{name: "fetch writes", by: "Fetch", do: func(v string) error { return writeFiles(v, "a-1", "a-2") }},
	{name: "scan reads, removes, and can't touch definitions", by: "Scan", do: func(v string) error {
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
	{name: "fetch makes the folder again", by: "Fetch", do: func(v string) error {
		return errors.Join(os.RemoveAll(v+"/work"), writeFiles(v, "a-3"))
	}},
	{name: "a person creates it without access for others", by: "Freshclam", do: func(v string) error {
		return errors.Join(os.RemoveAll(v+"/work"), os.Mkdir(v+"/work", 0o700))
	}},
	{
		name: "fetch makes a folder in which it may not write again",
		by:   "Fetch",
		do:   func(v string) error { return writeFiles(v, "a-3") },
	},
	{name: "a person removes it", by: "Fetch", do: func(v string) error { return os.RemoveAll(v + "/work") }},
	{name: "scan asks for the file again", by: "Scan", do: func(v string) error {
		d, err := workdir.Open(v + "/work")
		if err != nil {
			return err
		}
		if _, err := d.Read("a-3"); !errors.Is(err, job.ErrWorkFileGone) {
			return fmt.Errorf("Read() = %w, want ErrWorkFileGone", err)
		}
		return nil
	}},
	{
		name: "fetch is killed while it makes it",
		by:   "Fetch",
		do:   func(v string) error { return os.Mkdir(v+"/work", 0o700) },
	},
	{name: "another fetch opens it to the group", by: "Fetch", do: func(v string) error { return writeFiles(v, "a-3") }},
	{
		name: "freshclam finds it as its own",
		by:   "Freshclam",
		do:   func(v string) error { return workdir.Prepare(v + "/work") },
	},
	{name: "freshclam sweeps", by: "Freshclam", do: func(v string) error {
		n, err := workdir.Sweep(v+"/work", time.Now().Add(time.Hour))
		if err != nil || n != 1 {
			return fmt.Errorf("swept %d, %w", n, err)
		}
		return nil
	}},
}

// writeFiles creates work files as fetch does.
func writeFiles(volume string, names ...string) error {
	d, err := workdir.Open(volume + "/work")
	if err != nil {
		return err
	}
	for _, name := range names {
		f, err := d.Create(name)
		if err != nil {
			return err
		}
		if err := d.Publish(name, f); err != nil {
			return err
		}
	}
	return nil
}

func denied(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return fmt.Errorf("%w: must be denied", err)
}

// TestOwners runs the steps with the user ids of infra/network.yaml. It needs root to run as other
// users.
func TestOwners(t *testing.T) {
	if act, volume := os.Getenv("LAZARET_ACT"), os.Getenv("LAZARET_VOLUME"); act != "" {
		for _, a := range steps {
			if a.name == act {
				if err := a.do(volume); err != nil {
					t.Fatal(err)
				}
			}
		}
		return
	}
	need.Root(t)
	// The folder of t.TempDir may be below a folder that other users cannot enter.
	volume, err := os.MkdirTemp("/tmp", "lazaret-owners-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(volume) })
	// As CreationInfo says, with which EFS creates the root of an access point.
	if err := errors.Join(os.Chown(volume, 1001, 1002), os.Chmod(volume, 0o775)); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(volume, "test") // other users may not be able to run the test binary
	content, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, content, 0o755); err != nil {
		t.Fatal(err)
	}
	// The user ids of infra/network.yaml.
	users := accessPoints(t)
	run := func(act string, u posixUser) (string, error) {
		c := exec.CommandContext(t.Context(), program, "-test.run=^TestOwners$")
		c.Dir = volume
		c.Env = append(os.Environ(), "LAZARET_ACT="+act, "LAZARET_VOLUME="+volume, "TMPDIR=/tmp", "GOCOVERDIR=")
		c.SysProcAttr = &syscall.SysProcAttr{Credential: u.credential()}
		out, err := c.CombinedOutput()
		return string(out), err
	}
	for _, a := range steps {
		if a.name == makesWork {
			// As an older layout left it: only freshclam could write in it.
			if err := errors.Join(os.Mkdir(volume+"/work", 0o770), os.Lchown(volume+"/work", 1001, 1001)); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := run(a.name, users[a.by]); err != nil {
			t.Fatalf("%s: %v\n%s", a.name, err, out)
		}
	}
	info, err := os.Stat(volume + "/work")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode(), fs.ModeDir|0o770; got != want {
		t.Errorf("work has mode %v, want %v", got, want)
	}
	// A folder of the wrong group is not removed if it has files.
	if err := os.Lchown(volume+"/work", 1001, 1001); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(volume+"/work/kept", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(makesWork, users["Freshclam"]); err == nil || !strings.Contains(out, "not empty") {
		t.Errorf("a full work folder of the wrong group is no error: %v\n%s", err, out)
	}
}

// posixUser is the user that an access point puts in place of the function's.
type posixUser struct {
	Uid           id   `yaml:"Uid"`
	Gid           id   `yaml:"Gid"`
	SecondaryGids []id `yaml:"SecondaryGids"`
}

func (u posixUser) credential() *syscall.Credential {
	c := &syscall.Credential{Uid: uint32(u.Uid), Gid: uint32(u.Gid)}
	for _, g := range u.SecondaryGids {
		c.Groups = append(c.Groups, uint32(g))
	}
	return c
}

// id is a number that EFS requires as text.
type id uint32

func (i *id) UnmarshalYAML(n *yaml.Node) error {
	number, err := strconv.ParseUint(n.Value, 10, 32)
	*i = id(number)
	return err
}

// accessPoints reads infra/network.yaml. All access points have the same root. It belongs to
// freshclam, and only fetch has its group as a second one.
func accessPoints(t *testing.T) map[string]posixUser {
	t.Helper()
	text, err := os.ReadFile("../../infra/network.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type accessPoint struct {
		PosixUser     posixUser `yaml:"PosixUser"`
		RootDirectory struct {
			CreationInfo struct {
				OwnerUid    id     `yaml:"OwnerUid"`
				OwnerGid    id     `yaml:"OwnerGid"`
				Permissions string `yaml:"Permissions"`
			} `yaml:"CreationInfo"`
		} `yaml:"RootDirectory"`
	}
	var tpl struct {
		Resources map[string]struct {
			Properties yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &tpl); err != nil {
		t.Fatal(err)
	}
	users := map[string]posixUser{}
	for _, name := range []string{"Fetch", "Scan", "Freshclam"} {
		node := tpl.Resources[name+"AccessPoint"].Properties
		var a accessPoint
		if err := node.Decode(&a); err != nil {
			t.Fatalf("%sAccessPoint: %v", name, err)
		}
		users[name] = a.PosixUser
		root := a.RootDirectory.CreationInfo
		if root.OwnerUid != 1001 || root.OwnerGid != 1002 || root.Permissions != "0775" {
			t.Errorf("%sAccessPoint: the root is %+v, want 1001:1002 with 0775", name, root)
		}
		if a.PosixUser.Gid != 1000 {
			t.Errorf("%sAccessPoint: what it makes has group %d, want 1000", name, a.PosixUser.Gid)
		}
		if got, want := slices.Contains(a.PosixUser.SecondaryGids, root.OwnerGid), name == "Fetch"; got != want {
			t.Errorf("%sAccessPoint: may make folders in the root: %t, want %t", name, got, want)
		}
	}
	return users
}
