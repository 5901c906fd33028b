package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/local/template"
)

// scanning is an application with one function, which scans.
func scanning() *template.Application {
	return &template.Application{Name: "st", Functions: []template.Function{{
		Name: "st-scan", Short: "scan",
		Environment: map[string]string{definitionsDir: "/mnt/lazaret/definitions"},
		Mounts:      []template.Mount{{Path: "/mnt/lazaret", Root: "/lazaret"}},
	}}}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	s := &Stack{Application: scanning(), config: Config{BinDir: bin}}
	if err := s.check(); err == nil || !strings.Contains(err.Error(), "st-scan (run make build)") {
		t.Errorf("without the program: %v", err)
	}
	program(t, filepath.Join(bin, "scan", "bootstrap"))
	if err := s.check(); err != nil {
		t.Error(err)
	}
}

func TestFindClamd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "clamd")
	if _, err := findClamd([]string{"no-such-program", path}); err == nil || !strings.Contains(err.Error(), "find clamd") {
		t.Errorf("without clamd: %v", err)
	}
	program(t, path)
	if _, err := findClamd([]string{"no-such-program", path}); err != nil {
		t.Error(err)
	}
}

func program(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestPublishDefinitions(t *testing.T) {
	t.Parallel()
	s := &Stack{Application: scanning(), config: Config{DataDir: t.TempDir()}}
	if err := s.openData(); err != nil {
		t.Fatal(err)
	}
	own := t.TempDir()
	if err := definitions.WriteTest(own); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(own, "own.ndb"), []byte("Own:0:*:41424344\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	publish := func(source string) definitions.Generation {
		t.Helper()
		s.config.Definitions = source
		g, err := s.publishDefinitions(t.Context())
		if err != nil {
			t.Fatalf("publish %s: %v", source, err)
		}
		return g
	}
	if g := publish(NoDefinitions); g.Dir != "" {
		t.Errorf("without definitions there is %+v", g)
	}
	test, folder := publish(TestDefinitions), publish(own)
	if test.Fingerprint == folder.Fingerprint {
		t.Errorf("the folder's definitions are the test definitions")
	}
	if g := publish(NoDefinitions); g != folder {
		t.Errorf("published nothing and have %+v, want what was there: %+v", g, folder)
	}
	current, err := definitions.Open(filepath.Join(s.DataDir, "volume", "lazaret", "definitions")).Current()
	if err != nil || current != folder {
		t.Errorf("scan sees %+v, error %v, want %+v", current, err, folder)
	}
	if err := os.Remove(filepath.Join(own, "eicar.ndb")); err != nil {
		t.Fatal(err)
	}
	s.config.Definitions = own
	if _, err := s.publishDefinitions(t.Context()); !errors.Is(err, clamav.ErrCanary) || !strings.Contains(err.Error(), "signature of EICAR") {
		t.Errorf("a folder without EICAR: %v", err)
	}
	s.config.Definitions = filepath.Join(own, "nope")
	if _, err := s.publishDefinitions(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestDataFolderHasOneStack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := &Stack{config: Config{DataDir: dir}}
	if err := first.openData(); err != nil {
		t.Fatal(err)
	}
	second := &Stack{config: Config{DataDir: dir}}
	if err := second.openData(); err == nil || !strings.Contains(err.Error(), dir+": another stack is using it") {
		t.Errorf("second stack: %v", err)
	}
	leftover := filepath.Join(first.tempDir(), "leftover")
	if err := errors.Join(os.Mkdir(leftover, 0o700), first.Close()); err != nil {
		t.Fatal(err)
	}
	third := &Stack{config: Config{DataDir: dir}}
	if err := third.openData(); err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if _, err := os.Stat(leftover); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("temporary files of the first stack are still there: %v", err)
	}
	if err := third.Close(); err != nil {
		t.Error(err)
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	var also strings.Builder
	dir := t.TempDir()
	l := &logs{dir: dir, prefix: "st-", also: &also, files: map[string]*os.File{}}
	l.write("st-scan", "stream", `{"n":1}`)
	l.write("st-tag", "stream", "plain")
	l.write("st-scan", "other", `{"n":2}`)
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "scan.log"))
	if want := "{\"n\":1}\n{\"n\":2}\n"; string(got) != want || err != nil {
		t.Errorf("scan.log is %q, error %v, want %q", got, err, want)
	}
	if want := "scan: {\"n\":1}\ntag: plain\nscan: {\"n\":2}\n"; also.String() != want {
		t.Errorf("printed %q, want %q", also.String(), want)
	}
}

// A disk that was full for a moment costs lines of logs, and not a good end.
func TestLogsGoOnWithoutAFile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "gone")
	l := &logs{dir: dir, files: map[string]*os.File{}}
	l.write("scan", "", "lost")
	if !l.lost {
		t.Error("that a line is lost was not said")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.write("scan", "", "kept")
	if err := l.close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "scan.log")); string(got) != "kept\n" || err != nil {
		t.Errorf("scan.log is %q, error %v, want the line that could be written", got, err)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	s := &Stack{broken: make(chan error, 1)}
	s.broken <- broken
	if err := s.Wait(t.Context()); !errors.Is(err, broken) {
		t.Errorf("error is %v, want %v", err, broken)
	}
}

// TestOlderData starts on what versions before the store have left.
func TestOlderData(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"s3", "queues.jsonl", "executions.jsonl"} {
		dir := t.TempDir()
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		err := refuseOlder(dir)
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), fmt.Sprintf("mv %q %q", dir, dir+".older")) {
			t.Errorf("with %s: %v, want one line with the command that sets the folder aside", name, err)
		}
	}
	if err := refuseOlder(t.TempDir()); err != nil {
		t.Errorf("with an empty folder: %v", err)
	}
}
