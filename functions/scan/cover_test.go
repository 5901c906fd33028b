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

// blind is an engine that opens no container: it calls everything clean but a
// file that is what it knows.
func blind(known string, of func() (clamav.Finding, error)) fakeEngine {
	return fakeEngine{scan: func(f *os.File) (clamav.Finding, error) {
		content, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
		if err == nil && string(content) == known {
			return of()
		}
		return clamav.Finding{Outcome: clamav.Clean, Engine: "1.4.6"}, err
	}}
}

// TestOKIsNotEnough: clean is what the engine could see into.
func TestOKIsNotEnough(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("what is in there ", 100)
	tests := []struct {
		name    string
		content string
		member  clamav.Finding
		want    string // the outcome
	}{
		{"opened", zstdOf(t, text), clamav.Finding{Outcome: clamav.Clean}, "CLEAN"},
		{"opened by the engine itself", gzipped(t, text), clamav.Finding{Outcome: clamav.Found, Signature: "asked twice"}, "CLEAN"},
		{"tiny member", zstdOf(t, "abc"), clamav.Finding{Outcome: clamav.Clean}, "CLEAN"},
		{"infected member", zstdOf(t, text), clamav.Finding{Outcome: clamav.Found, Signature: "Eicar"}, "INFECTED Eicar"},
		{"encrypted member", zstdOf(t, text), clamav.Finding{Outcome: clamav.Encrypted, Signature: "Heuristics.Encrypted.Zip"}, "UNSCANNABLE encrypted"},
		{"member with too many members", zstdOf(t, text), clamav.Finding{Outcome: clamav.Limit, Limit: "MaxFiles"}, "UNSCANNABLE limit-files"},
		{"cut", gzipped(t, text)[:30], clamav.Finding{}, "UNSCANNABLE damaged"},
		{"closed to all", "MSWIM\x00\x00\x00" + text, clamav.Finding{}, "UNSCANNABLE unsupported-archive"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tt.content, blind(text, func() (clamav.Finding, error) { return tt.member, nil }))
			out, err := b.handle(t.Context(), b.job)
			if err != nil {
				t.Fatal(err)
			}
			if got := out.Scan.Outcome(); got != tt.want || !out.Scan.Known() {
				t.Errorf("%s (%s), want %s", got, out.Scan.Detail, tt.want)
			}
			if out.Scan.Engine.Version != "1.4.6" || out.Scan.Definitions == nil {
				t.Errorf("scan = %+v does not say who scanned", out.Scan)
			}
		})
	}
}

// TestMembersFailures: what goes wrong with a member goes wrong with the file.
func TestMembersFailures(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("what is in there ", 100)
	for _, tt := range []struct {
		name  string
		err   error
		want  error
		marks int
	}{
		{"engine fails", clamav.ErrEngine, job.ErrEngine, 0},
		{"member kills the engine", clamav.ErrEngineDied, job.ErrEngine, 1},
		{"time is up", fmt.Errorf("%w: %w", clamav.ErrEngine, context.DeadlineExceeded), job.ErrEngine, 0},
		{"too large a member", clamav.ErrTooLarge, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, zstdOf(t, text), blind(text, func() (clamav.Finding, error) { return clamav.Finding{}, tt.err }))
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
