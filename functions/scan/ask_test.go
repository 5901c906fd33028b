package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/job"
)

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstdOf(t *testing.T, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

// opensNoContainer returns an engine that answers clean, except for a file with the content known, for
// which it calls of.
func opensNoContainer(known string, of func() (clamav.Finding, error)) fakeEngine {
	return fakeEngine{scan: func(f *os.File) (clamav.Finding, error) {
		content, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
		if err == nil && string(content) == known {
			return of()
		}
		return clamav.Finding{Outcome: clamav.Clean, Engine: "1.4.6"}, err
	}}
}

// TestMembers checks that a file is CLEAN only if its members are.
func TestMembers(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("what is in there ", 100)
	tests := []struct {
		name    string
		content string
		member  clamav.Finding
		want    string // Outcome of the scan
	}{
		{name: "opened", content: zstdOf(t, text), member: clamav.Finding{Outcome: clamav.Clean}, want: "CLEAN"},
		{
			name:    "opened by the engine as well",
			content: gzipped(t, text),
			member:  clamav.Finding{Outcome: clamav.Found, Signature: "Eicar"},
			want:    "INFECTED Eicar",
		},
		{name: "tiny member", content: zstdOf(t, "abc"), member: clamav.Finding{Outcome: clamav.Clean}, want: "CLEAN"},
		{
			name:    "infected member",
			content: zstdOf(t, text),
			member:  clamav.Finding{Outcome: clamav.Found, Signature: "Eicar"},
			want:    "INFECTED Eicar",
		},
		{
			name:    "encrypted member",
			content: zstdOf(t, text),
			member:  clamav.Finding{Outcome: clamav.Encrypted, Signature: "Heuristics.Encrypted.Zip"},
			want:    "UNSCANNABLE encrypted",
		},
		{
			name:    "member with too many members",
			content: zstdOf(t, text),
			member:  clamav.Finding{Outcome: clamav.Limit, Limit: "MaxFiles"},
			want:    "UNSCANNABLE limit-files",
		},
		{name: "cut", content: gzipped(t, text)[:30], member: clamav.Finding{}, want: "UNSCANNABLE damaged"},
		{
			name:    "closed to all",
			content: "MSWIM\x00\x00\x00" + text,
			member:  clamav.Finding{},
			want:    "UNSCANNABLE unsupported-archive",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tt.content, opensNoContainer(text, func() (clamav.Finding, error) { return tt.member, nil }))
			out, err := b.handle(t.Context(), b.job)
			if err != nil {
				t.Fatal(err)
			}
			if got := out.Scan.Outcome(); got != tt.want || !out.Scan.Known() {
				t.Errorf("%s (%s), want %s", got, out.Scan.Detail, tt.want)
			}
			if out.Scan.Engine.Version != "1.4.6" || out.Scan.Definitions == nil {
				t.Errorf("scan = %+v, want the engine's version and definitions", out.Scan)
			}
		})
	}
}

// TestMemberErrors checks that an error of a member is an error of the file.
func TestMemberErrors(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("what is in there ", 100)
	for _, tt := range []struct {
		name  string
		err   error
		want  error
		marks int
	}{
		{name: "engine fails", err: clamav.ErrEngine, want: job.ErrEngine},
		{name: "member kills the engine", err: clamav.ErrEngineDied, want: job.ErrEngine, marks: 1},
		{name: "time is up", err: fmt.Errorf("%w: %w", clamav.ErrEngine, context.DeadlineExceeded), want: job.ErrEngine},
		{name: "too large a member", err: clamav.ErrTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			engine := opensNoContainer(text, func() (clamav.Finding, error) { return clamav.Finding{}, tt.err })
			b := newBench(t, zstdOf(t, text), engine)
			out, err := b.handle(t.Context(), b.job)
			if !errors.Is(err, tt.want) {
				t.Fatalf("err = %v, want %v", err, tt.want)
			}
			if tt.want == nil {
				if got := out.Scan.Outcome(); got != "UNSCANNABLE limit-size" {
					t.Errorf("%s, want UNSCANNABLE limit-size", got)
				}
				return
			}
			if got := len(b.left(t)) - 1; got != tt.marks {
				t.Errorf("%d marks, want %d: %v", got, tt.marks, b.left(t))
			}
		})
	}
}

// TestPartOfSplitArchive checks that a part of a split archive is recognised by its key, since its
// content has no signature. A detection in it counts, and so does any other reason.
func TestPartOfSplitArchive(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("the middle of a stream ", 100)
	for _, tt := range []struct {
		key     string
		content string
		finding clamav.Finding
		want    string
	}{
		{
			key: "in/x.7z.002", content: text, finding: clamav.Finding{Outcome: clamav.Clean},
			want: "UNSCANNABLE unsupported-archive",
		},
		{
			key: "in/x.7z.002", content: text, finding: clamav.Finding{Outcome: clamav.Found, Signature: "Eicar"},
			want: "INFECTED Eicar",
		},
		{
			key: "in/x.7z.002", content: text, finding: clamav.Finding{Outcome: clamav.Encrypted}, want: "UNSCANNABLE encrypted",
		},
		{key: "in/x.z01", content: "tiny", finding: clamav.Finding{}, want: "UNSCANNABLE unsupported-archive"},
		{key: "in/report.2024.001", content: text, finding: clamav.Finding{Outcome: clamav.Clean}, want: "CLEAN"},
	} {
		t.Run(tt.key+" "+tt.want, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tt.content, finds(tt.finding))
			b.job.Object.Key = tt.key
			out, err := b.handle(t.Context(), b.job)
			if err != nil || out.Scan.Outcome() != tt.want || !out.Scan.Known() {
				t.Errorf("handle() = %s (%s), %v, want %s", out.Scan.Outcome(), out.Scan.Detail, err, tt.want)
			}
		})
	}
}
