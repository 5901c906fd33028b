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
	"github.com/lazaret/lazaret/internal/workdir"
)

type fakeEngine struct {
	ensure func() error
	scan   func(*os.File) (clamav.Finding, error)
	within func(context.Context) (clamav.Finding, error) // in place of scan
}

func (f fakeEngine) Ensure(context.Context, definitions.Generation) error {
	if f.ensure == nil {
		return nil
	}
	return f.ensure()
}

func (f fakeEngine) Scan(ctx context.Context, _ definitions.Generation, file *os.File) (clamav.Finding, error) {
	if f.within != nil {
		return f.within(ctx)
	}
	return f.scan(file)
}

type fakeGenerations func() (definitions.Generation, error)

func (f fakeGenerations) Current() (definitions.Generation, error) { return f() }

var generation = definitions.Generation{Fingerprint: "9f86d081", Version: 27500, Built: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)}

// bench is a handler over a folder with one work file, and its job.
type bench struct {
	handler
	job     job.Job
	path    string // of the work folder
	metrics bytes.Buffer
}

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
	}
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

// finds is an engine that reads the file and answers.
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
		{"clean", clamav.Finding{Outcome: clamav.Clean}, job.Scan{Verdict: job.Clean, Engine: clamd, Definitions: defs}},
		{"infected", clamav.Finding{Outcome: clamav.Found, Signature: "Eicar"}, job.Scan{Verdict: job.Infected, Signature: "Eicar", Engine: clamd, Definitions: defs}},
		{"encrypted", clamav.Finding{Outcome: clamav.Encrypted, Signature: "Heuristics.Encrypted.Zip"}, job.Scan{Verdict: job.Unscannable, Reason: job.Encrypted, Detail: "Heuristics.Encrypted.Zip", Engine: clamd, Definitions: defs}},
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
		}{name, finding, want})
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
				t.Errorf("scan = %+v is no verdict to act upon", out.Scan)
			}
			if left := b.left(t); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			if !bytes.Contains(b.metrics.Bytes(), []byte(fmt.Sprintf(`"Verdict":%q`, tt.want.Verdict))) {
				t.Errorf("metrics: %s", b.metrics.String())
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
		{"the zero finding", func(_ *testing.T, b *bench) { b.engine = finds(clamav.Finding{}) }, job.ErrEngine},
		{"an unexamined file that is long enough", func(_ *testing.T, b *bench) { b.engine = finds(clamav.Finding{Outcome: clamav.Unexamined}) }, job.ErrEngine},
		{"engine not there", func(_ *testing.T, b *bench) { b.engine = fakeEngine{ensure: func() error { return clamav.ErrEngine }} }, job.ErrEngine},
		{"time is up before the engine is ready", func(_ *testing.T, b *bench) {
			b.engine = fakeEngine{ensure: func() error { return fmt.Errorf("wait: %w", context.DeadlineExceeded) }}
		}, job.ErrEngine},
		{"engine failed", func(_ *testing.T, b *bench) { b.engine = fails(clamav.ErrEngine) }, job.ErrEngine},
		{"no definitions", func(_ *testing.T, b *bench) {
			b.definitions = fakeGenerations(func() (definitions.Generation, error) { return definitions.Generation{}, definitions.ErrNone })
		}, job.ErrDefinitionsNotReady},
		{"neither definitions nor the work file", func(_ *testing.T, b *bench) {
			b.definitions = fakeGenerations(func() (definitions.Generation, error) { return definitions.Generation{}, definitions.ErrNone })
			b.job.Work.File = "swept"
		}, job.ErrDefinitionsNotReady},
		{"definitions cannot be read", func(_ *testing.T, b *bench) {
			b.definitions = fakeGenerations(func() (definitions.Generation, error) {
				return definitions.Generation{}, errors.New("stale file handle")
			})
		}, job.ErrTransient},
		{"work file swept", func(t *testing.T, b *bench) {
			if err := b.dir.Remove("work-1"); err != nil {
				t.Fatal(err)
			}
		}, job.ErrWorkFileGone},
		{"work file truncated while it is scanned", func(t *testing.T, b *bench) {
			b.engine = fakeEngine{scan: func(*os.File) (clamav.Finding, error) {
				return clamav.Finding{Outcome: clamav.Clean}, os.Truncate(filepath.Join(b.path, "work-1"), 6)
			}}
		}, job.ErrWorkFileGone},
		{"work file grown", func(t *testing.T, b *bench) {
			b.engine = fakeEngine{scan: func(*os.File) (clamav.Finding, error) {
				return clamav.Finding{Outcome: clamav.Clean}, os.Truncate(filepath.Join(b.path, "work-1"), 600)
			}}
		}, job.ErrWorkFileGone},
		{"other bytes of the same length", func(t *testing.T, b *bench) {
			if err := os.WriteFile(filepath.Join(b.path, "work-1"), []byte("SOME CONTENT"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, job.ErrWorkFileGone},
		{"other bytes in a file too short for the engine", func(t *testing.T, b *bench) { b.job.Work.Size = 3 }, job.ErrWorkFileGone},
		{"no work file and no verdict", func(_ *testing.T, b *bench) { b.job.Work = nil }, job.ErrBadJob},
		{"no work file and an earlier attempt's verdict", func(_ *testing.T, b *bench) {
			b.job.Work, b.job.Scan = nil, &job.Scan{Verdict: job.Clean}
		}, job.ErrBadJob},
		{"a work file outside the folder", func(_ *testing.T, b *bench) { b.job.Work.File = "../../etc/passwd" }, job.ErrBadJob},
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

// An object that Object Lock kept may be judged otherwise by newer definitions:
// the earlier attempt's copy is then not where it was moved to.
func TestAnEarlierAttemptsCopyIsNotThisVerdicts(t *testing.T) {
	t.Parallel()
	b := newBench(t, "hello, world", finds(clamav.Finding{Outcome: clamav.Encrypted, Signature: "Heuristics.Encrypted.Zip"}))
	b.job.Attempt = 1
	b.job.Scan = &job.Scan{Verdict: job.Infected, Signature: "X"}
	b.job.Copy = &job.Copy{Bucket: "quarantine", Key: "h", SourceLocked: true}
	out, err := b.handle(t.Context(), b.job)
	if err != nil {
		t.Fatal(err)
	}
	if out.Copy != nil || out.Scan.Verdict != job.Unscannable {
		t.Errorf("%s with the copy %v of an earlier verdict", out.Scan.Outcome(), out.Copy)
	}
}

func TestSmallFilesNeedNoEngine(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "abc", "12345"} {
		b := newBench(t, content, fails(errors.New("asked all the same")))
		out, err := b.handle(t.Context(), b.job)
		if err != nil {
			t.Fatal(err)
		}
		if out.Scan.Verdict != job.Clean || out.Scan.Engine.Name != "none" || out.Scan.Definitions != nil || out.Scan.SHA256 != b.job.Work.SHA256 {
			t.Errorf("scan of %q = %+v", content, out.Scan)
		}
	}
}

func TestFetchsVerdictIsHandedOn(t *testing.T) {
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

func TestAFileThatKillsTheEngineTwice(t *testing.T) {
	t.Parallel()
	for _, deadly := range []error{clamav.ErrEngineDied, fmt.Errorf("%w: %w", context.DeadlineExceeded, clamav.ErrEngineDied)} {
		b := newBench(t, "some content", fails(deadly))
		for attempt := range 2 {
			if _, err := b.handle(t.Context(), b.job); !errors.Is(err, job.ErrEngine) {
				t.Fatalf("attempt %d: err = %v, want ErrEngine", attempt, err)
			}
		}
		out, err := b.handle(t.Context(), b.job)
		if err != nil {
			t.Fatal(err)
		}
		if out.Scan.Verdict != job.Unscannable || out.Scan.Reason != job.EngineCrash {
			t.Errorf("third time: %s, want UNSCANNABLE engine-crash", out.Scan.Outcome())
		}
		if left := b.left(t); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestAnEngineThatDiesOnceIsNotTheFilesFault(t *testing.T) {
	t.Parallel()
	b := newBench(t, "some content", fails(clamav.ErrEngineDied))
	if _, err := b.handle(t.Context(), b.job); !errors.Is(err, job.ErrEngine) {
		t.Fatalf("err = %v, want ErrEngine", err)
	}
	for range 3 { // failures that say nothing about the file leave no mark
		b.engine = fails(clamav.ErrEngine)
		if _, err := b.handle(t.Context(), b.job); !errors.Is(err, job.ErrEngine) {
			t.Fatalf("err = %v, want ErrEngine", err)
		}
	}
	b.engine = finds(clamav.Finding{Outcome: clamav.Clean})
	out, err := b.handle(t.Context(), b.job)
	if err != nil || out.Scan.Verdict != job.Clean {
		t.Errorf("handle() = %s, %v, want CLEAN", out.Scan.Outcome(), err)
	}
}

// TestMissedCanariesAreCounted: at the start of an engine, after an error and
// with the proof that takes an answer back.
func TestMissedCanariesAreCounted(t *testing.T) {
	t.Parallel()
	missed := fmt.Errorf("canary eicar: %w: answer is clean", clamav.ErrCanary)
	tests := []struct {
		name   string
		engine fakeEngine
		want   int
	}{
		{"at the start", fakeEngine{ensure: func() error { return missed }}, 1},
		{"with the answer", fails(missed), 1},
		{"with a member's answer", blind("abcdefghi", func() (clamav.Finding, error) { return clamav.Finding{}, missed }), 1},
		{"another failure", fails(clamav.ErrEngine), 0},
		{"none", finds(clamav.Finding{Outcome: clamav.Clean}), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, zstdOf(t, "abcdefghi"), tt.engine)
			_, err := b.handle(t.Context(), b.job)
			if errors.Is(err, job.ErrEngine) == (tt.name == "none") {
				t.Errorf("handle() = %v", err)
			}
			if got := bytes.Count(b.metrics.Bytes(), []byte(`"CanaryFailures":1,"Stack":"lazaret"`)); got != tt.want {
				t.Errorf("%d misses counted, want %d:\n%s", got, tt.want, b.metrics.String())
			}
		})
	}
}
