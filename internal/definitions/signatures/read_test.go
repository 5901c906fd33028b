package signatures

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// write writes files into a new folder.
func write(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// container returns a container of that build with one database in it.
func container(t *testing.T, build, member, content string, compressed bool) string {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	err := w.WriteHeader(&tar.Header{Name: member, Mode: 0o644, Size: int64(len(content))})
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	out := archive.Bytes()
	if compressed {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write(out)
		if err = errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		out = b.Bytes()
	}
	return fmt.Sprintf("%-512s", "ClamAV-VDB:"+build) + string(out)
}

func names(t *testing.T, path string) (all []string) {
	t.Helper()
	if err := readNames(t.Context(), path, func(name []byte) { all = append(all, string(name)) }); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestReadNames checks where the name stands in each kind of database.
func TestReadNames(t *testing.T) {
	t.Parallel()
	md5 := strings.Repeat("a", 32)
	for _, tt := range []struct {
		file, content string
		want          []string // without .UNOFFICIAL
	}{
		{file: "a.hdb", content: md5 + ":10:A\n" + md5 + ":*:B:73\n", want: []string{"A", "B"}},
		{file: "a.hsb", content: md5 + ":10:A:73\r\n", want: []string{"A"}},
		{file: "a.hdu", content: md5 + ":10:A", want: []string{"A"}},
		{file: "a.hsu", content: md5 + ":10:A\n", want: []string{"A"}},
		{file: "a.mdb", content: "10:" + md5 + ":A\n", want: []string{"A"}},
		{file: "a.msb", content: "10:" + md5 + ":A:73\n", want: []string{"A"}},
		{file: "a.mdu", content: "10:" + md5 + ":A\n", want: []string{"A"}},
		{file: "a.msu", content: "10:" + md5 + ":A\n", want: []string{"A"}},
		{file: "a.imp", content: md5 + ":10:A\n", want: []string{"A"}},
		{file: "a.ndb", content: "# comment\n\nA:0:*:6162\nB.b-1:1:EP+0:6162:51:255\n", want: []string{"A", "B.b-1"}},
		{file: "a.ndu", content: "PUA.A:0:*:6162\n", want: []string{"PUA.A"}},
		{file: "a.sdb", content: "A:0:*:6162\n", want: []string{"A"}},
		{file: "a.ldb", content: "A;Engine:51-255,Target:0;0;6162\n", want: []string{"A"}},
		{file: "a.ldu", content: "A;Target:0;0;6162\n", want: []string{"A"}},
		{file: "a.idb", content: "A:g1:g2:" + md5 + "\n", want: []string{"A"}},
		{file: "a.cdb", content: "A:CL_TYPE_ZIP:*:x:*:*:*:*:*:*\n", want: []string{"A"}},
		{file: "a.crb", content: "A;0;" + md5 + ";;;;;;;;\n", want: []string{"A"}},
		{file: "a.db", content: "A=6162\n", want: []string{"A"}},
		{
			file: "a.cbc", content: "ClamBCafh\nBC.Doc.{A,B};Engine:56-255,Target:0;0;6162\nBC.Not:0\n",
			want: []string{"BC.Doc", "BC.Doc.A", "BC.Doc.B"},
		},
		{file: "b.cbc", content: "ClamBCafh\nBC.Doc;Engine:56-255\n", want: []string{"BC.Doc"}},
		{
			file: "a.yara", content: "private rule First { condition: true }\nrule\n  second:tag{condition:First}global rule third {",
			want: []string{"YARA.First", "YARA.second", "YARA.third"},
		},
		{file: "a.yar", content: "rule last", want: []string{"YARA.last"}},
		{file: "a.ndb", content: "A:0:*:" + strings.Repeat("61", 100_000) + "\nB:0:*:6162\n", want: []string{"A", "B"}},
		{file: "a.fp", content: md5 + ":10:A\n"},
		{file: "a.sfp", content: md5 + ":10:A\n"},
		{file: "a.ign2", content: "A\n"},
		{file: "a.hdb", content: "no name\n"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			var want []string
			for _, name := range tt.want {
				want = append(want, name+unofficial)
			}
			dir := write(t, map[string]string{tt.file: tt.content})
			if diff := cmp.Diff(want, names(t, filepath.Join(dir, tt.file))); diff != "" {
				t.Errorf("names of a loose file (-want +got):\n%s", diff)
			}
			for file, compressed := range map[string]bool{"a.cvd": true, "a.cld": false, "b.cld": true} {
				dir := write(t, map[string]string{file: container(t, "1", tt.file, tt.content, compressed)})
				if diff := cmp.Diff(tt.want, names(t, filepath.Join(dir, file))); diff != "" {
					t.Errorf("names in %s (-want +got):\n%s", file, diff)
				}
			}
		})
	}
}

// TestUnreadable checks that a damaged container is an error, and so is an end of the context.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	whole := container(t, "1", "a.ndb", strings.Repeat("A:0:*:6162\n", 10_000), true)
	dir := write(t, map[string]string{"cut.cvd": whole[:len(whole)/2], "short.cvd": "ClamAV-VDB", "whole.cvd": whole})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ctx := range map[string]context.Context{
		"cut.cvd": t.Context(), "short.cvd": t.Context(), "absent.cvd": t.Context(), "whole.cvd": ended,
	} {
		if err := readNames(ctx, filepath.Join(dir, name), func([]byte) {}); err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
}

// TestIsNew checks how long a signature is new, and that the earliest time counts.
func TestIsNew(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	l := List{
		Batch:   Batch{FirstSeen: at, Names: []string{"A", "B"}},
		Earlier: []Batch{{FirstSeen: at.Add(-20 * time.Hour), Names: []string{"B", "C"}}},
	}
	for _, tt := range []struct {
		name  string
		after time.Duration
		want  time.Duration // of the first time, from at; 1 for a known signature
	}{
		{"A", 0, 0},
		{"A", 23 * time.Hour, 0},
		{"A", 24 * time.Hour, 1},
		{"B", 0, -20 * time.Hour},
		{"B", 4 * time.Hour, 1},
		{"C", 0, -20 * time.Hour},
		{"D", 0, 1},
	} {
		first, isNew := l.IsNew(tt.name, at.Add(tt.after))
		if isNew != (tt.want != 1) || isNew && !first.Equal(at.Add(tt.want)) {
			t.Errorf("IsNew(%s, %s later) = %s, %t, want %s", tt.name, tt.after, first, isNew, tt.want)
		}
	}
	if got := l.Count(at.Add(5 * time.Hour)); got != 2 {
		t.Errorf("Count() = %d, want 2", got)
	}
}
