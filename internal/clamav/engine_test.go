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
)

func TestScan(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	tests := []struct {
		name    string
		content []byte
		want    Outcome
	}{
		{"eicar", eicar.Bytes(), Found},
		{"text", []byte("nothing here\n"), Clean},
		{"eicar at the end of a megabyte", hidden(1 << 20), Found},
		{"zip", zipOf(t, member{"a", hidden(100)}), Found},
		{"clean zip", zipOf(t, member{"a", []byte("nothing here")}), Clean},
		{"tar.gz", gzipOf(t, tarOf(t, member{"a", hidden(100)})), Found},
		{"cab", cabOf(t, hidden(100_000)), Found},
		{"pdf", pdfOf(t, hidden(1000)), Found},
		{"mail", mailOf(hidden(1000)), Found},
		{"html", htmlOf(hidden(1000)), Found},
		{"nothing", nil, Unexamined},
		{"five bytes", []byte("12345"), Unexamined},
		{"six bytes", []byte("123456"), Clean},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := onDisk(t, tt.content)
			if _, err := f.Seek(30, 0); err != nil { // nobody's business
				t.Fatal(err)
			}
			got := scanned(t, e, f)
			if got.Outcome != tt.want {
				t.Errorf("Scan() = %+v, want %s", got, tt.want)
			}
			if tt.want == Found && got.Signature != definitions.TestSignature {
				t.Errorf("Signature = %q, want %q", got.Signature, definitions.TestSignature)
			}
			if tt.want != Unexamined && (got.Engine != e.Version() || !strings.HasPrefix(got.Engine, "ClamAV ") || got.Definitions != e.definitions.Fingerprint) {
				t.Errorf("Scan() = %+v does not say who answered", got)
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
		{"write only", open(os.O_WRONLY), ErrDescriptor},
		{"path only", open(unix.O_PATH), ErrDescriptor},
		{"pipe", pipe, ErrDescriptor},
		{"folder", opened(t, t.TempDir()), ErrDescriptor},
		{"closed", shut, ErrDescriptor},
		{"too large", huge, ErrTooLarge},
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

// TestUnreadableDescriptorLies shows why that is refused.
func TestUnreadableDescriptorLies(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	f, err := os.OpenFile(onDisk(t, eicar.Bytes()).Name(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	raw, err := e.client.ask(within(t, time.Minute), "FILDES", f)
	if err != nil || !bytes.HasSuffix(raw, []byte(": OK\x00")) {
		t.Errorf("clamd about a write-only EICAR: %q, %v", raw, err)
	}
	if err := e.sound(); err == nil {
		t.Error("clamd could not read, and nobody noticed")
	}
}

func TestTemporaryFolderIsWatched(t *testing.T) {
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

// TestMissingTemporaryFolderLies keeps the reason for all this in sight: clamd
// calls EICAR OK, and only its standard error says why.
func TestMissingTemporaryFolderLies(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	if err := os.RemoveAll(e.temp.path); err != nil {
		t.Fatal(err)
	}
	raw, err := e.client.ask(t.Context(), "FILDES", onDisk(t, eicar.Bytes()))
	if err != nil || !bytes.HasSuffix(raw, []byte(": OK\x00")) {
		t.Errorf("clamd without its temporary folder: %q, %v", raw, err)
	}
	e.proc.out.sync()
	if fault := e.proc.out.faulty(); !strings.Contains(fault, "Can't create temporary directory") {
		t.Errorf("the complaint was missed, output is %q", e.proc.out.tail())
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
		t.Error("EICAR stands undeflated in the zip, so that finding it proves no unpacking")
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
			e, err := Start(Config{RunDir: t.TempDir()}, g)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Ready(within(t, time.Minute)); !errors.Is(err, ErrEngine) || !strings.Contains(err.Error(), "last lines: ") {
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
	if _, err := Start(Config{Clamd: "/no/clamd", RunDir: t.TempDir()}, testSet(t)); !errors.Is(err, ErrEngine) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Start without clamd = %v", err)
	}
	if _, err := Start(Config{RunDir: "/no/folder"}, testSet(t)); !errors.Is(err, ErrEngine) {
		t.Errorf("Start without a folder = %v", err)
	}
	if _, err := Start(Config{RunDir: t.TempDir(), Threads: -1}, testSet(t)); err == nil {
		t.Error("Start took an impossible configuration")
	}
}

func TestRunDirMayBeDeep(t *testing.T) {
	t.Parallel()
	deep := filepath.Join(t.TempDir(), strings.Repeat("deep/", 40))
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := scanned(t, engine(t, Config{RunDir: deep}), onDisk(t, eicar.Bytes())); got.Outcome != Found {
		t.Errorf("Scan() = %+v, want Found", got)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	run := t.TempDir()
	e, err := Start(Config{RunDir: run}, testSet(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Ready(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	pid := e.proc.cmd.Process.Pid
	info, err := os.Stat(e.home.Name())
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("private folder is %v, %v", info, err)
	}
	if pgid, err := syscall.Getpgid(pid); err != nil || pgid != syscall.Getpgrp() {
		t.Errorf("clamd is in process group %d, %v, want ours", pgid, err)
	}
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("clamd %d is still there: %v", pid, err)
	}
	if left, _ := os.ReadDir(run); len(left) != 0 {
		t.Errorf("left in RunDir: %v", left)
	}
}

func TestScanKeepsTheContextsError(t *testing.T) {
	t.Parallel()
	e := engine(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// Nothing was asked yet, so nothing is wrong with the engine.
	if _, err := e.Scan(ctx, onDisk(t, eicar.Bytes())); !errors.Is(err, context.Canceled) || errors.Is(err, ErrEngine) {
		t.Errorf("Scan() = %v, want context.Canceled and no ErrEngine", err)
	}
}
