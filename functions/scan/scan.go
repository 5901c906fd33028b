package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/coverage"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/trace"
	"github.com/lazaret/lazaret/internal/workdir"
)

// engine is the resident scanner; see clamav.Supervisor.
type engine interface {
	Ensure(context.Context, definitions.Generation) error
	Scan(context.Context, definitions.Generation, *os.File) (clamav.Finding, error)
}

// generations tells which definitions are to be used now.
type generations interface {
	Current() (definitions.Generation, error)
}

// handler turns a work file into a verdict and removes it.
type handler struct {
	engine      engine
	definitions generations
	dir         *workdir.Dir
	metrics     *metric.Emitter
	coverage    coverage.Checker
}

func (h *handler) handle(ctx context.Context, j job.Job) (job.Job, error) {
	if j.Work == nil || j.Work.File == "" {
		return j, unfetched(j)
	}
	scan, err := h.judge(ctx, *j.Work)
	if err != nil {
		h.missed(ctx, err)
		return j, fmt.Errorf("scan %s: %w", j.Object, err)
	}
	// Before the answer: a verdict that is lost on its way costs a second fetch,
	// a file that stays would fill the volume.
	if err := h.dir.Remove(j.Work.File); err != nil {
		return j, fmt.Errorf("scan %s: %w", j.Object, err)
	}
	// A copy is an earlier verdict's; quarantine and promote find theirs again.
	j.Scan, j.Copy = scan, nil
	h.measure(ctx, *scan)
	return j, nil
}

// unfetched accepts a job whose verdict fetch has given already. Any other job
// without a work file is a defect, and its scan, if there is one, an earlier
// attempt's that must not pass for this one's.
func unfetched(j job.Job) error {
	if j.Scan.Known() && (j.Scan.Reason == job.TooLarge || j.Scan.Reason == job.Unreadable) {
		return nil
	}
	return fmt.Errorf("%w: scan %s: neither a work file nor fetch's verdict", job.ErrBadJob, j.Object)
}

// judge gives the verdict about the work file, which is there again as it was
// when it returns an error.
func (h *handler) judge(ctx context.Context, w job.Work) (*job.Scan, error) {
	tiny := w.Size < clamav.MinFileSize
	var g definitions.Generation
	if !tiny { // before the work file: without definitions, fetching a lost one again is of no use
		var err error
		if g, err = h.current(); err != nil {
			return nil, err
		}
	}
	f, err := h.dir.Read(w.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	scan := &job.Scan{Size: w.Size, SHA256: w.SHA256}
	start := time.Now()
	if tiny {
		scan.Verdict, scan.Engine = job.Clean, job.Engine{Name: "none"}
		scan.Detail = fmt.Sprintf("no engine looks at fewer than %d bytes", clamav.MinFileSize)
	} else if start, err = h.ask(ctx, g, f, w, scan); err != nil {
		return nil, err
	}
	// On the descriptor that the engine read, after its reply: what it judged is
	// what fetch brought.
	if err := verify(f, w); err != nil {
		return nil, err
	}
	scan.Time = time.Now().UTC()
	scan.DurationMS = time.Since(start).Milliseconds()
	return scan, nil
}

// current is the generation to scan with.
func (h *handler) current() (definitions.Generation, error) {
	g, err := h.definitions.Current()
	switch {
	case errors.Is(err, definitions.ErrNone):
		return g, fmt.Errorf("%w: %w", job.ErrDefinitionsNotReady, err)
	case err != nil && !errors.Is(err, job.ErrDefinitionsNotReady):
		return g, fmt.Errorf("%w: %w", job.ErrTransient, err)
	}
	return g, err
}

// ask fills in what the engine says. The time it returns is when a ready engine
// began: waiting for one is not the file's doing.
func (h *handler) ask(ctx context.Context, g definitions.Generation, f *os.File, w job.Work, scan *job.Scan) (time.Time, error) {
	scan.Definitions = &job.Definitions{Version: g.Version, Built: g.Built, Fingerprint: g.Fingerprint}
	whole := left(ctx)
	if err := h.engine.Ensure(ctx, g); err != nil {
		return time.Time{}, failed(err)
	}
	// An engine that came late is no reason to call a file slow.
	fair := left(ctx) >= whole/2
	start := time.Now()
	mark, err := h.dir.Mark(w.File, f)
	if err != nil {
		return start, err
	}
	if mark.Unfinished >= 2 {
		scan.Engine = job.Engine{Name: "clamd"}
		scan.Verdict, scan.Reason, scan.Detail = job.Unscannable, job.EngineCrash, "two engines did not survive this file"
		return start, mark.Release(true)
	}
	err = h.scan(ctx, g, f, scan)
	if releaseErr := mark.Release(errors.Is(err, clamav.ErrEngineDied)); releaseErr != nil {
		if err != nil { // what the engine did says more
			releaseErr = errors.Join(failed(err), releaseErr)
		}
		return start, releaseErr
	}
	switch {
	case errors.Is(err, clamav.ErrTooLarge):
		scan.Verdict, scan.Reason, scan.Detail = job.Unscannable, job.TooLarge, err.Error()
		scan.Engine = job.Engine{Name: "none"}
	case errors.Is(err, clamav.ErrOverdue) && fair:
		scan.Verdict, scan.Reason, scan.Detail = job.Unscannable, job.LimitTime, err.Error()
		scan.Engine.Name = "clamd"
	case err != nil:
		return start, failed(err)
	}
	return start, nil
}

// scan asks the engine about f within nine tenths of the time that is left, and
// then coverage. What remains is for the hash of the content and the answer.
func (h *handler) scan(ctx context.Context, g definitions.Generation, f *os.File, scan *job.Scan) error {
	asking := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		asking, cancel = context.WithTimeout(ctx, time.Until(deadline)*9/10)
		defer cancel()
	}
	var finding clamav.Finding
	err := trace.Capture(asking, "clamd", func(ctx context.Context) (err error) {
		finding, err = h.engine.Scan(ctx, g, f)
		return err
	})
	if err == nil {
		err = conclude(finding, scan)
	}
	if err == nil && scan.Verdict == job.Clean {
		err = h.cover(ctx, g, f, scan)
	}
	return err
}

// failed is an error of the engine as the state machine knows it: whatever went
// wrong, the next attempt meets a fresh one.
func failed(err error) error {
	if errors.Is(err, clamav.ErrEngine) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", job.ErrEngine, err)
	}
	return err
}

// left is how long this invocation may still take; 0 if it has no end.
func left(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return 0
}

// clamd finds the engine: Debian keeps it in sbin, which is not on every PATH.
func clamd() string {
	if path, err := exec.LookPath("clamd"); err == nil {
		return path
	}
	return "/usr/sbin/clamd"
}
