package definitions

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stage writes files into a new folder and returns it.
func stage(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var sampleSet = map[string]string{
	"daily.cld":     container(dailyHeader),
	"main.cvd":      container("ClamAV-VDB:16 Sep 2021 08-32 -0400:62:6647427:90:m:s:b:1631795562"),
	"own.ndb":       "A:0:*:61626364\nB:0:*:61626365\n",
	"freshclam.dat": "changes by itself",
}

func TestInspect(t *testing.T) {
	t.Parallel()
	dir := stage(t, sampleSet)
	g, err := Inspect(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if g.Dir != dir || g.Version != 27825 || g.Signatures != 2063500+6647427+2 ||
		!g.Built.Equal(time.Unix(1794821067, 0)) {
		t.Errorf("Inspect() = %+v, want the values of daily.cvd", g)
	}
	// The command in the comment of Inspect must print the fingerprint.
	if err := os.Remove(filepath.Join(dir, "freshclam.dat")); err != nil {
		t.Fatal(err)
	}
	sh := exec.Command("sh", "-c", "LC_ALL=C sha256sum * | sha256sum | cut -c1-32")
	sh.Dir = dir
	out, err := sh.Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := string(bytes.TrimSpace(out)); g.Fingerprint != want {
		t.Errorf("Fingerprint = %s, sha256sum says %s", g.Fingerprint, want)
	}
}

func TestFingerprintDependsOnNamesAndContents(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, files := range map[string]map[string]string{
		"base":           {"a.ndb": "x\n", "b.ndb": "y\n"},
		"swapped":        {"a.ndb": "y\n", "b.ndb": "x\n"},
		"renamed":        {"a.ndb": "x\n", "c.ndb": "y\n"},
		"moved boundary": {"a.ndb": "x\ny\n"},
	} {
		g, err := Inspect(t.Context(), stage(t, files))
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[g.Fingerprint]; ok {
			t.Errorf("%s and %s have one fingerprint, want different ones", name, other)
		}
		seen[g.Fingerprint] = name
	}
}

func TestInspectRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files map[string]string
		setup func(dir string) error
		want  string
	}{
		{name: "nothing", want: "no database file"},
		{name: "only freshclam's state", files: map[string]string{"freshclam.dat": "x"}, want: "no database file"},
		{name: "empty file", files: map[string]string{"a.ndb": "x\n", "b.hdb": ""}, want: "b.hdb: empty"},
		{name: "unknown extension", files: map[string]string{"notes.txt": "x"}, want: "extension is not allowed"},
		{name: "engine switches", files: map[string]string{"daily.cfg": "x"}, want: "extension is not allowed"},
		{name: "unsigned container", files: map[string]string{"own.cud": "x"}, want: "extension is not allowed"},
		{name: "hidden", files: map[string]string{".a.ndb": "x"}, want: "name is not allowed"},
		{name: "blank in name", files: map[string]string{"a b.ndb": "x"}, want: "name is not allowed"},
		{name: "garbage container", files: map[string]string{"daily.cvd": "<html>"}, want: "container header"},
		{
			name:  "symlink",
			setup: func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, "a.ndb")) },
			want:  "not a regular file",
		},
		{
			name:  "folder",
			setup: func(dir string) error { return os.Mkdir(filepath.Join(dir, "a.ndb"), 0o700) },
			want:  "not a regular file",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := stage(t, tt.files)
			if tt.setup != nil {
				if err := tt.setup(dir); err != nil {
					t.Fatal(err)
				}
			}
			s := Open(t.TempDir())
			if _, err := s.Publish(t.Context(), dir); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Publish() error = %v, want %q in it", err, tt.want)
			}
			if _, err := s.Current(); !errors.Is(err, ErrNone) {
				t.Errorf("Current() after a refused set = %v, want ErrNone", err)
			}
		})
	}
}

func TestInspectEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Inspect(ctx, stage(t, sampleSet)); !errors.Is(err, context.Canceled) {
		t.Errorf("Inspect() = %v, want context.Canceled", err)
	}
}

func TestWriteTest(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	if err := WriteTest(dir); err != nil {
		t.Fatal(err)
	}
	g, err := Inspect(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if g.Signatures != 1 || g.Version != 0 || !g.Built.IsZero() {
		t.Errorf("Inspect() = %+v, want one signature and no version", g)
	}
}
