package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/formats"
	"github.com/lazaret/lazaret/internal/workdir"
)

type fakeEngine struct {
	ensure func() error
	scan   func(*os.File) (clamav.Finding, error)
	within func(context.Context) (clamav.Finding, error) // called instead of scan, if it is set
	known  *clamav.Sum                                   // content that is known to be clean
	all    func(*os.File) ([]clamav.Finding, error)
}

func (f fakeEngine) Ensure(context.Context, definitions.Generation) error {
	if f.ensure == nil {
		return nil
	}
	return f.ensure()
}

func (f fakeEngine) Known(_ definitions.Generation, sum clamav.Sum) (clamav.Finding, bool) {
	if f.known == nil || *f.known != sum {
		return clamav.Finding{}, false
	}
	return clamav.Finding{Outcome: clamav.Clean, Engine: "ClamAV 1.4.6"}, true
}

func (f fakeEngine) Scan(ctx context.Context, _ definitions.Generation, file *os.File) (clamav.Finding, error) {
	if f.within != nil {
		return f.within(ctx)
	}
	return f.scan(file)
}

func (f fakeEngine) ScanAll(_ context.Context, _ definitions.Generation, file *os.File) ([]clamav.Finding, error) {
	return f.all(file)
}

type fakeGenerations func() (definitions.Generation, error)

func (f fakeGenerations) Current() (definitions.Generation, error) { return f() }

var generation = definitions.Generation{
	Fingerprint: "9f86d081",
	Version:     27500,
	Built:       time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
}

// bench is a handler with a folder of one work file, and the job of that file.
type bench struct {
	handler
	job     job.Job
	path    string // of the work folder
	metrics bytes.Buffer
	records *s3fake.S3
	now     time.Time
}

// records is the name of the records bucket.
const records = "records"

func newBench(t *testing.T, content string, e fakeEngine) *bench {
	t.Helper()
	b := &bench{path: filepath.Join(t.TempDir(), "work")}
	dir, err := workdir.Open(b.path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := dir.Create("work-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := dir.Publish("work-1", f); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(content))
	b.job = job.Job{
		Version: 1, Object: job.Object{Bucket: "b", Key: "k", VersionID: "v"},
		Work: &job.Work{File: "work-1", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Fetches: 1},
	}
	b.handler = handler{
		engine: e, dir: dir, metrics: metric.New(&b.metrics, "lazaret"),
		definitions: fakeGenerations(func() (definitions.Generation, error) { return generation, nil }),
		unpack:      unpack.Checker{Formats: formats.All()},
	}
	b.records = s3fake.New()
	b.records.Make(records, true)
	b.handler.decisions = &decisions{s3: b.records, bucket: records, now: func() time.Time { return b.now }}
	b.now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	return b
}

func (b *bench) left(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(b.path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// finds returns an engine that answers with f.
func finds(f clamav.Finding) fakeEngine {
	return fakeEngine{scan: func(*os.File) (clamav.Finding, error) { f.Engine = "ClamAV 1.4.6"; return f, nil }}
}

func fails(err error) fakeEngine {
	return fakeEngine{scan: func(*os.File) (clamav.Finding, error) { return clamav.Finding{}, err }}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	defs := &job.Definitions{Version: 27500, Built: generation.Built, Fingerprint: "9f86d081"}
	clamd := job.Engine{Name: "clamd", Version: "1.4.6"}
	limit := func(name string, r job.Reason) (clamav.Finding, job.Scan) {
		signature := "Heuristics.Limits.Exceeded." + name
		return clamav.Finding{Outcome: clamav.Limit, Limit: name, Signature: signature},
			job.Scan{Verdict: job.Unscannable, Reason: r, Detail: signature, Engine: clamd, Definitions: defs}
	}
	tests := []struct {
		name    string
		finding clamav.Finding
		want    job.Scan
	}{
		{
			name:    "clean",
			finding: clamav.Finding{Outcome: clamav.Clean},
			want:    job.Scan{Verdict: job.Clean, Engine: clamd, Definitions: defs},
		},
		{
			name:    "infected",
			finding: clamav.Finding{Outcome: clamav.Found, Signature: "Eicar"},
			want:    job.Scan{Verdict: job.Infected, Signature: "Eicar", Engine: clamd, Definitions: defs},
		},
		{
			name:    "encrypted",
			finding: clamav.Finding{Outcome: clamav.Encrypted, Signature: "Heuristics.Encrypted.Zip"},
			want: job.Scan{
				Verdict:     job.Unscannable,
				Reason:      job.Encrypted,
				Detail:      "Heuristics.Encrypted.Zip",
				Engine:      clamd,
				Definitions: defs,
			},
		},
	}
	for name, reason := range map[string]job.Reason{
		"MaxFileSize": job.LimitSize, "MaxScanSize": job.LimitSize, "MaxFiles": job.LimitFiles,
		"MaxRecursion": job.LimitRecursion, "MaxScanTime": job.LimitTime, "EmailHeaders": job.LimitSize,
	} {
		finding, want := limit(name, reason)
		tests = append(tests, struct {
			name    string
			finding clamav.Finding
			want    job.Scan
		}{name: name, finding: finding, want: want})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "some content", finds(tt.finding))
			out, err := b.handle(t.Context(), b.job)
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Size, tt.want.SHA256 = b.job.Work.Size, b.job.Work.SHA256
			if diff := cmp.Diff(&tt.want, out.Scan, cmpopts.IgnoreFields(job.Scan{}, "Time", "DurationMS")); diff != "" {
				t.Errorf("scan (-want +got):\n%s", diff)
			}
			if !out.Scan.Known() || out.Scan.Time.IsZero() {
				t.Errorf("scan = %+v, want a valid verdict with a time", out.Scan)
			}
			if left := b.left(t); len(left) != 0 {
				t.Errorf("files left: %v, want none", left)
			}
			if !bytes.Contains(b.metrics.Bytes(), []byte(fmt.Sprintf(`"Verdict":%q`, tt.want.Verdict))) {
				t.Errorf("metrics: %s, want the verdict", b.metrics.String())
			}
		})
	}
}

func TestNothingIsCleanByDefault(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(t *testing.T, b *bench)
		want   error
	}{
		{
			name:   "the zero finding",
			change: func(_ *testing.T, b *bench) { b.engine = finds(clamav.Finding{}) },
			want:   job.ErrEngine,
		},
		{
			name:   "an unexamined file that is long enough",
			change: func(_ *testing.T, b *bench) { b.engine = finds(clamav.Finding{Outcome: clamav.Unexamined}) },
			want:   job.ErrEngine,
		},
		{
			name:   "engine not there",
			change: func(_ *testing.T, b *bench) { b.engine = fakeEngine{ensure: func() error { return clamav.ErrEngine }} },
			want:   job.ErrEngine,
		},
		{name: "time is up before the engine is ready", change: func(_ *testing.T, b *bench) {
			b.engine = fakeEngine{ensure: func() error { return fmt.Errorf("wait: %w", context.DeadlineExceeded) }}
		}, want: job.ErrEngine},
		{
			name:   "engine failed",
			change: func(_ *testing.T, b *bench) { b.engine = fails(clamav.ErrEngine) },
			want:   job.ErrEngine,
		},
		{name: "no definitions", change: func(_ *testing.T, b *bench) {
			b.definitions = fakeGenerations(
				func() (definitions.Generation, error) { return definitions.Generation{}, definitions.ErrNone },
			)
		}, want: job.ErrDefinitionsNotReady},
		{name: "neither definitions nor the work file", change: func(_ *testing.T, b *bench) {
			b.definitions = fakeGenerations(
				func() (definitions.Generation, error) { return definitions.Generation{}, definitions.ErrNone },
			)
			b.job.Work.File = "swept"
		}, want: job.ErrDefinitionsNotReady},
		{name: "definitions cannot be read", change: func(_ *testing.T, b *bench) {
			b.definitions = fakeGenerations(func() (definitions.Generation, error) {
				return definitions.Generation{}, errors.New("stale file handle")
			})
		}, want: job.ErrTransient},
		{name: "work file swept", change: func(t *testing.T, b *bench) {
			if err := b.dir.Remove("work-1"); err != nil {
				t.Fatal(err)
			}
		}, want: job.ErrWorkFileGone},
		{name: "work file truncated while it is scanned", change: func(t *testing.T, b *bench) {
			b.engine = fakeEngine{scan: func(*os.File) (clamav.Finding, error) {
				return clamav.Finding{Outcome: clamav.Clean}, os.Truncate(filepath.Join(b.path, "work-1"), 6)
			}}
		}, want: job.ErrWorkFileGone},
		{name: "work file grown", change: func(t *testing.T, b *bench) {
			b.engine = fakeEngine{scan: func(*os.File) (clamav.Finding, error) {
				return clamav.Finding{Outcome: clamav.Clean}, os.Truncate(filepath.Join(b.path, "work-1"), 600)
			}}
		}, want: job.ErrWorkFileGone},
		{name: "other bytes of the same length", change: func(t *testing.T, b *bench) {
			if err := os.WriteFile(filepath.Join(b.path, "work-1"), []byte("SOME CONTENT"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, want: job.ErrWorkFileGone},
		{
			name:   "other bytes in a file too short for the engine",
			change: func(t *testing.T, b *bench) { b.job.Work.Size = 3 },
			want:   job.ErrWorkFileGone,
		},
		{name: "no work file and no verdict", change: func(_ *testing.T, b *bench) { b.job.Work = nil }, want: job.ErrBadJob},
		{name: "no work file and an earlier attempt's verdict", change: func(_ *testing.T, b *bench) {
			b.job.Work, b.job.Scan = nil, &job.Scan{Verdict: job.Clean}
		}, want: job.ErrBadJob},
		{
			name:   "a work file outside the folder",
			change: func(_ *testing.T, b *bench) { b.job.Work.File = "../../etc/passwd" },
			want:   job.ErrBadJob,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "some content", finds(clamav.Finding{Outcome: clamav.Clean}))
			tt.change(t, b)
			out, err := b.handle(t.Context(), b.job)
			if !errors.Is(err, tt.want) {
				t.Errorf("handle() = %s, %v, want %v", out.Scan.Outcome(), err, tt.want)
			}
		})
	}
}

// TestEarlierCopyIsDropped checks that the copy of an earlier verdict is dropped. An object that
// Object Lock kept can get another verdict with newer definitions.
func TestEarlierCopyIsDropped(t *testing.T) {
	t.Parallel()
	b := newBench(
		t,
		"hello, world",
		finds(clamav.Finding{Outcome: clamav.Encrypted, Signature: "Heuristics.Encrypted.Zip"}),
	)
	b.job.Attempt = 1
	b.job.Scan = &job.Scan{Verdict: job.Infected, Signature: "X"}
	b.job.Copy = &job.Copy{Bucket: "quarantine", Key: "h", SourceLocked: true}
	out, err := b.handle(t.Context(), b.job)
	if err != nil {
		t.Fatal(err)
	}
	if out.Copy != nil || out.Scan.Verdict != job.Unscannable {
		t.Errorf("%s with copy %v, want UNSCANNABLE without the copy of the earlier verdict", out.Scan.Outcome(), out.Copy)
	}
}

func TestTinyFiles(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "abc", "12345"} {
		b := newBench(t, content, fails(errors.New("asked all the same")))
		out, err := b.handle(t.Context(), b.job)
		if err != nil {
			t.Fatal(err)
		}
		if out.Scan.Verdict != job.Clean || out.Scan.Engine.Name != "none" || out.Scan.Definitions != nil ||
			out.Scan.SHA256 != b.job.Work.SHA256 {
			t.Errorf("scan of %q = %+v, want CLEAN without an engine", content, out.Scan)
		}
	}
}

func TestVerdictOfFetch(t *testing.T) {
	t.Parallel()
	b := newBench(t, "x", fails(errors.New("asked all the same")))
	b.job.Work = &job.Work{Fetches: 1}
	b.job.Scan = &job.Scan{Verdict: job.Unscannable, Reason: job.TooLarge, Size: 1 << 40}
	out, err := b.handle(t.Context(), b.job)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.job, out); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
