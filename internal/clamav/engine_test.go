package clamav

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/testing/need"
)

func TestScan(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	tests := []struct {
		name    string
		content []byte
		want    Outcome
	}{
		{name: "eicar", content: eicar.Bytes(), want: Found},
		{name: "text", content: []byte("nothing here\n"), want: Clean},
		{name: "eicar at the end of a megabyte", content: hidden(1 << 20), want: Found},
		{name: "zip", content: zipOf(t, member{"a", hidden(100)}), want: Found},
		{name: "clean zip", content: zipOf(t, member{"a", []byte("nothing here")}), want: Clean},
		{name: "tar.gz", content: gzipOf(t, tarOf(t, member{"a", hidden(100)})), want: Found},
		{name: "cab", content: cabOf(t, hidden(100_000)), want: Found},
		{name: "pdf", content: pdfOf(t, hidden(1000)), want: Found},
		{name: "mail", content: mailOf(hidden(1000)), want: Found},
		{name: "html", content: htmlOf(hidden(1000)), want: Found},
		{name: "nothing", want: Unexamined},
		{name: "five bytes", content: []byte("12345"), want: Unexamined},
		{name: "six bytes", content: []byte("123456"), want: Clean},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := onDisk(t, tt.content)
			if _, err := f.Seek(30, 0); err != nil { // the offset must not matter
				t.Fatal(err)
			}
			got := scanned(t, e, f)
			if got.Outcome != tt.want {
				t.Errorf("Scan() = %+v, want %s", got, tt.want)
			}
			if tt.want == Found && got.Signature != definitions.TestSignature {
				t.Errorf("Signature = %q, want %q", got.Signature, definitions.TestSignature)
			}
			if tt.want != Unexamined &&
				(got.Engine != e.Version() || !strings.HasPrefix(got.Engine, "ClamAV ") ||
					got.Definitions != e.definitions.Fingerprint) {
				t.Errorf("Scan() = %+v, want the engine's version and definitions", got)
			}
		})
	}
}

func TestScanRefusesDescriptors(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	path := filepath.Join(t.TempDir(), "eicar")
	if err := os.WriteFile(path, eicar.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func(flag int) *os.File {
		f, err := os.OpenFile(path, flag, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	pipe, other, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pipe.Close(); other.Close() })
	shut := open(os.O_RDONLY)
	shut.Close()
	huge := onDisk(t, nil)
	if err := os.Truncate(huge.Name(), MaxFileSize+1); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		file *os.File
		want error
	}{
		{name: "write only", file: open(os.O_WRONLY), want: ErrDescriptor},
		{name: "path only", file: open(unix.O_PATH), want: ErrDescriptor},
		{name: "pipe", file: pipe, want: ErrDescriptor},
		{name: "folder", file: opened(t, t.TempDir()), want: ErrDescriptor},
		{name: "closed", file: shut, want: ErrDescriptor},
		{name: "too large", file: huge, want: ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := e.Scan(t.Context(), tt.file)
			if !errors.Is(err, tt.want) || errors.Is(err, ErrEngine) || got != (Finding{}) {
				t.Errorf("Scan() = %+v, %v, want %v and no ErrEngine", got, err, tt.want)
			}
		})
	}
	if got := scanned(t, e, open(os.O_RDWR)); got.Outcome != Found {
		t.Errorf("Scan(read and write) = %+v, want Found", got)
	}
}

// TestClamdWithUnreadableDescriptor shows why such descriptors are refused.
func TestClamdWithUnreadableDescriptor(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	f, err := os.OpenFile(onDisk(t, eicar.Bytes()).Name(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := ": OK\x00"
	if e.version.atLeast(1, 5) {
		want = ": Can't read file ERROR\x00"
	}
	raw, err := e.client.ask(within(t, time.Minute), "FILDES", f)
	if err != nil || !bytes.HasSuffix(raw, []byte(want)) {
		t.Errorf("clamd about a write-only EICAR: %q, %v, want %q", raw, err, want)
	}
	if err := e.checkHealth(); err == nil {
		t.Error("checkHealth() = nil after a file that clamd could not read, want an error")
	}
}

func TestTemporaryFolder(t *testing.T) {
	t.Parallel()
	away := func(dir string) error { return os.Rename(dir, dir+".away") }
	tests := []struct {
		name  string
		spoil func(dir string) error
	}{
		{"missing", away},
		{"a file", func(dir string) error { return errors.Join(away(dir), os.WriteFile(dir, nil, 0o600)) }},
		{"a symlink", func(dir string) error { return errors.Join(away(dir), os.Symlink(dir+".away", dir)) }},
		{"another folder", func(dir string) error { return errors.Join(away(dir), os.Mkdir(dir, 0o700)) }},
		{"no permission", func(dir string) error { return os.Chmod(dir, 0o500) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := engine(t, Config{})
			if err := tt.spoil(e.temp.path); err != nil {
				t.Fatal(err)
			}
			got, err := e.Scan(within(t, time.Minute), onDisk(t, eicar.Bytes()))
			noVerdict(t, got, err)
		})
	}
}

// TestClamdWithoutTemporaryFolder shows why the temporary folder is checked: clamd before 1.5 answers
// OK for EICAR, in a zip or not, and only prints why.
func TestClamdWithoutTemporaryFolder(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	if err := os.RemoveAll(e.temp.path); err != nil {
		t.Fatal(err)
	}
	want, printed := ": OK\x00", "Can't create temporary directory"
	if e.version.atLeast(1, 5) {
		want, printed = ": Can't create temporary file ERROR\x00", "failed to create temporary file"
	}
	raw, err := e.client.ask(t.Context(), "FILDES", onDisk(t, zipped(eicar.Bytes())))
	if err != nil || !bytes.HasSuffix(raw, []byte(want)) {
		t.Errorf("clamd without its temporary folder: %q, %v, want %q", raw, err, want)
	}
	e.proc.out.sync()
	if fault := e.proc.out.firstFault(); !strings.Contains(fault, printed) {
		t.Errorf("clamd printed %q, want %q in it", e.proc.out.tail(), printed)
	}
}

func TestProve(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	for range 3 {
		if err := e.Prove(within(t, time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(e.temp.path); err != nil {
		t.Fatal(err)
	}
	if err := e.Prove(within(t, time.Minute)); !errors.Is(err, ErrEngine) {
		t.Errorf("Prove() without a temporary folder = %v, want ErrEngine", err)
	}
}

func TestCanaryZipHidesEicar(t *testing.T) {
	t.Parallel()
	if bytes.Contains(zipped(eicar.Bytes()), eicar.Bytes()[:20]) {
		t.Error("the canary zip has EICAR without compression, want it deflated")
	}
}

func TestStartNeedsDefinitions(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(dir string) error{
		"none":    func(dir string) error { return os.Remove(filepath.Join(dir, "eicar.ndb")) },
		"empty":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "b.hdb"), nil, 0o600) },
		"garbage": func(dir string) error { return os.WriteFile(filepath.Join(dir, "b.ndb"), []byte("<html>\n"), 0o600) },
		"gone":    os.RemoveAll,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := testSet(t)
			if err := spoil(g.Dir); err != nil {
				t.Fatal(err)
			}
			e, err := Start(Config{Clamd: need.Clamd(t), RunDir: t.TempDir()}, g)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Ready(within(t, time.Minute)); !errors.Is(err, ErrEngine) ||
				!strings.Contains(err.Error(), "last lines: ") {
				t.Errorf("Ready() = %v, want ErrEngine with clamd's lines", err)
			}
			if err := e.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	if _, err := Start(Config{Clamd: "/no/clamd", RunDir: t.TempDir()}, testSet(t)); !errors.Is(err, ErrEngine) ||
		!errors.Is(err, os.ErrNotExist) {
		t.Errorf("Start without clamd = %v, want ErrEngine and ErrNotExist", err)
	}
	cfg := Config{Clamd: fake(t, "always-clean"), RunDir: "/no/folder"}
	if _, err := Start(cfg, testSet(t)); !errors.Is(err, ErrEngine) {
		t.Errorf("Start without a folder = %v, want ErrEngine", err)
	}
	cfg.RunDir, cfg.Threads = t.TempDir(), -1
	if _, err := Start(cfg, testSet(t)); err == nil {
		t.Error("Start with -1 threads: got no error, want one")
	}
}

func TestDeepRunDir(t *testing.T) {
	t.Parallel()
	deep := filepath.Join(t.TempDir(), strings.Repeat("deep/", 40))
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := scanned(t, engine(t, Config{RunDir: deep}), onDisk(t, eicar.Bytes())); got.Outcome != Found {
		t.Errorf("Scan() = %+v, want Found", got)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	run := t.TempDir()
	e, err := Start(Config{Clamd: need.Clamd(t), RunDir: run}, testSet(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Ready(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	pid := e.proc.cmd.Process.Pid
	info, err := os.Stat(e.home.Name())
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("private folder is %v, %v, want mode 0700", info, err)
	}
	if pgid, err := syscall.Getpgid(pid); err != nil || pgid != syscall.Getpgrp() {
		t.Errorf("clamd is in process group %d, %v, want ours", pgid, err)
	}
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("clamd %d is still there: %v, want ESRCH", pid, err)
	}
	if left, _ := os.ReadDir(run); len(left) != 0 {
		t.Errorf("left in RunDir: %v, want nothing", left)
	}
}

func TestScanWithEndedContext(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// clamd was not asked, so that the engine is not the cause.
	if _, err := e.Scan(ctx, onDisk(t, eicar.Bytes())); !errors.Is(err, context.Canceled) || errors.Is(err, ErrEngine) {
		t.Errorf("Scan() = %v, want context.Canceled and no ErrEngine", err)
	}
}
