package stack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFunctionLogs(t *testing.T) {
	t.Parallel()
	var also strings.Builder
	dir := t.TempDir()
	l := newFunctionLogs(dir, "st", &also)
	l.write("st-scan", "stream", `{"n":1}`)
	l.write("st-tag", "stream", "plain")
	l.write("st-scan", "other", `{"n":2}`)
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "scan.log"))
	if want := "{\"n\":1}\n{\"n\":2}\n"; string(got) != want || err != nil {
		t.Errorf("scan.log: got %q and error %v, want %q", got, err, want)
	}
	if want := "scan: {\"n\":1}\ntag: plain\nscan: {\"n\":2}\n"; also.String() != want {
		t.Errorf("printed: got %q, want %q", also.String(), want)
	}
}

// A disk that was full for a moment loses lines, and is no error of the end.
func TestFunctionLogsAfterFullDisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "gone")
	l := newFunctionLogs(dir, "st", nil)
	l.write("scan", "", "lost")
	if !l.warned {
		t.Error("lost line: got no warning, want one")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.write("scan", "", "kept")
	if err := l.close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "scan.log")); string(got) != "kept\n" || err != nil {
		t.Errorf("scan.log: got %q and error %v, want the second line", got, err)
	}
}
