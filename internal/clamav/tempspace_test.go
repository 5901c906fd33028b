package clamav

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/testing/need"
)

// inNamespace runs the calling test again in a child process with its own mount namespace, in which it
// is root, and reports whether this is the child. Some distributions do not allow that to ordinary
// users (Ubuntu since 24.04, by AppArmor); then the test is skipped, but not in CI.
func inNamespace(t *testing.T) bool {
	t.Helper()
	need.Clamd(t)
	const mark = "LAZARET_TEST_NAMESPACE"
	if os.Getenv(mark) != "" {
		err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		if errors.Is(err, fs.ErrPermission) {
			os.Exit(forbidden)
		}
		if err != nil {
			t.Fatal(err)
		}
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=15m")
	cmd.Env = append(os.Environ(), mark+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	runtime.LockOSThread() // Pdeathsig depends on the thread
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if errors.Is(err, fs.ErrPermission) || cmd.ProcessState.ExitCode() == forbidden {
		need.Allowed(t, "mount namespaces to this user (root may)", err)
	}
	if err != nil {
		t.Errorf("in a mount namespace: %v\n%s", err, out)
	}
	return false
}

// forbidden is the exit code of a child process that may not mount.
const forbidden = 77

// disk mounts a small disk and returns its folder.
func disk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("disk", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// beRealWithBadTemp replaces this process by the real clamd, with a temporary folder that is unusable
// only for clamd, so that only its output shows the problem.
func beRealWithBadTemp(how string) {
	runtime.LockOSThread() // namespaces belong to threads, and exec keeps the one of this thread
	err := unix.Unshare(unix.CLONE_NEWNS)
	if slices.Contains(os.Args, "--version") { // the folder does not exist yet
		err = syscall.Exec("/usr/sbin/clamd", append([]string{"clamd"}, os.Args[1:]...), os.Environ())
	}
	if how == "read-only-temp" {
		err = errors.Join(err, unix.Mount("disk", "tmp", "tmpfs", unix.MS_RDONLY, ""))
	} else {
		err = errors.Join(err, unix.Mount("disk", "tmp", "tmpfs", 0, "size=64k"))
	}
	if err == nil {
		err = syscall.Exec("/usr/sbin/clamd", append([]string{"clamd"}, os.Args[1:]...), os.Environ())
	}
	fmt.Println(err)
	os.Exit(1)
}

func TestPrintedFaultsAreNoVerdict(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	content := hidden(400_000)
	v, err := versionOf(need.Clamd(t))
	if err != nil {
		t.Fatal(err)
	}
	for how, files := range map[string]map[string][]byte{
		"read-only-temp": {"eicar": eicar.Bytes(), "text": []byte("nothing here"), "zip": zipOf(t, member{"m", content})},
		"small-temp": {
			"zip": zipOf(t, member{"m", content}), "gz": gzipOf(t, content),
			"tar": tarOf(t, member{"m", content[:len(content)-1]}),
			"pdf": pdfOf(t, content), "mail": mailOf(content), "html": htmlOf(content),
		},
	} {
		for name, content := range files {
			if how == "read-only-temp" && name != "zip" && v.atLeast(1, 5) {
				continue // from 1.5 on clamd creates a folder only if it needs one
			}
			t.Run(how+"/"+name, func(t *testing.T) {
				e := engine(t, Config{Clamd: fake(t, how)})
				got, err := e.Scan(within(t, time.Minute), onDisk(t, content))
				noVerdict(t, got, err)
				got, err = e.Scan(within(t, time.Minute), onDisk(t, []byte("clean, but who knows")))
				noVerdict(t, got, err)
			})
		}
	}
}

// TestFullDisk has the case in which clamd answers OK and prints nothing.
func TestFullDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	content := bytes.Repeat([]byte("much of the same, "), 100<<20/18) // larger than the disk
	content = append(append(content, eicar.Bytes()...), content[:30_000]...)
	cab := cabOf(t, content)
	for name, packed := range map[string][]byte{"cab": cab, "zip": zipOf(t, member{"m", content})} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, Config{RunDir: disk(t, "size=96m")})
			if want := int64(32<<20) / 2; e.tempSpace.limit > want {
				t.Errorf("the limit is %d bytes, want at most half of what is free, %d", e.tempSpace.limit, want)
			}
			got := scanned(t, e, onDisk(t, packed))
			if got.Outcome != Limit || got.Limit != "MaxScanSize" {
				t.Errorf("Scan() = %+v, want the limit of temporary files", got)
			}
			if err := e.Prove(within(t, time.Minute)); !errors.Is(err, ErrEngine) {
				t.Errorf("Prove() = %v, want ErrEngine", err)
			}
		})
	}
	t.Run("why", func(t *testing.T) {
		e := engine(t, Config{RunDir: disk(t, "size=96m")})
		raw, err := e.client.ask(within(t, time.Minute), "FILDES", onDisk(t, cab))
		if err != nil || !bytes.HasSuffix(raw, []byte(": OK\x00")) || e.checkHealth() != nil {
			t.Errorf(
				"clamd about a CAB on a full disk: %q, %v, prints %q; want OK and no output, or tempSpace is no longer needed",
				raw,
				err,
				e.proc.out.tail(),
			)
		}
	})
	t.Run("no space at the start", func(t *testing.T) {
		cfg := Config{Clamd: need.Clamd(t), RunDir: disk(t, "size=32m")}
		if _, err := Start(cfg, testSet(t)); !errors.Is(err, ErrEngine) || !strings.Contains(err.Error(), "bytes free") {
			t.Errorf("Start() = %v, want ErrEngine about the free bytes", err)
		}
	})
	t.Run("no space later", func(t *testing.T) {
		e := engine(t, Config{RunDir: disk(t, "size=96m")})
		if err := os.WriteFile(filepath.Join(e.cfg.RunDir, "filler"), make([]byte, 60<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := e.Scan(within(t, time.Minute), onDisk(t, []byte("nothing here")))
		noVerdict(t, got, err)
	})
	t.Run("no inodes", func(t *testing.T) {
		cfg := Config{Clamd: need.Clamd(t), RunDir: disk(t, "size=96m,nr_inodes=200")}
		if _, err := Start(cfg, testSet(t)); !errors.Is(err, ErrEngine) || !strings.Contains(err.Error(), "inodes free") {
			t.Errorf("Start() = %v, want ErrEngine about inodes", err)
		}
	})
}

// TestUnpackedIsLimited also checks that the engine is not used afterwards: clamd has in its cache as
// clean what it scanned only in part.
func TestUnpackedIsLimited(t *testing.T) {
	t.Parallel()
	limits := DefaultLimits()
	limits.Unpacked = 1 << 20
	big := zipOf(t, member{"m", text(40 << 20)})
	tests := []struct {
		name    string
		content []byte
		want    Outcome
	}{
		{name: "in a zip", content: big, want: Limit},
		{name: "in a zip in a zip", content: zipOf(t, member{"big", big}), want: Limit},
		{name: "behind a detection", content: zipOf(t, member{"a", eicar.Bytes()}, member{"big", big}), want: Found},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := engine(t, Config{Limits: limits})
			if got := scanned(t, e, onDisk(t, tt.content)); got.Outcome != tt.want {
				t.Errorf("Scan() = %+v, want %s", got, tt.want)
			}
			if tt.want == Limit {
				got, err := e.Scan(within(t, time.Minute), onDisk(t, big))
				noVerdict(t, got, err)
			}
		})
	}
}

// TestMaxUnpackedIsBelowTheCut checks that the limit of temporary files is below the size to which
// libclamav cuts members.
func TestMaxUnpackedIsBelowTheCut(t *testing.T) {
	t.Parallel()
	const buffer = 8 << 10 // BUFSIZ, the block size of unzip.c
	if cut := MaxFileSize / buffer * buffer; maxUnpacked >= cut || DefaultLimits().Unpacked > maxUnpacked {
		t.Errorf("limit of temporary files is %d, members are cut at %d, want the limit below the cut", maxUnpacked, cut)
	}
}

func TestTempSpaceOfMissingFolder(t *testing.T) {
	t.Parallel()
	r := &tempSpace{dir: filepath.Join(t.TempDir(), "none"), limit: 10}
	if got := r.used(); got != 0 {
		t.Errorf("used() of no folder = %d, want 0", got)
	}
	if _, err := (&tempSpace{dir: r.dir, statfs: unix.Statfs}).free(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("free() of no folder = %v, want ErrNotExist", err)
	}
}
