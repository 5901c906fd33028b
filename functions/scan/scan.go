package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/closed"
	"github.com/lazaret/lazaret/internal/workdir"
)

// engine is the part of clamav.Supervisor that scan uses.
type engine interface {
	Ensure(context.Context, definitions.Generation) error
	Known(definitions.Generation, clamav.Sum) (clamav.Finding, bool)
	Scan(context.Context, definitions.Generation, *os.File) (clamav.Finding, error)
	ScanAll(context.Context, definitions.Generation, *os.File) ([]clamav.Finding, error)
}

// generations returns the definitions to use now.
type generations interface {
	Current() (definitions.Generation, error)
}

// handler scans work files and removes them.
type handler struct {
	engine      engine
	definitions generations
	dir         *workdir.Dir
	metrics     *metric.Emitter
	unpack      unpack.Checker
	decisions   *decisions
}

// handle scans the job's work file and returns j with the verdict.
func (h *handler) handle(ctx context.Context, j job.Job) (job.Job, error) {
	if j.Work == nil || j.Work.File == "" {
		return h.handleWithoutFile(j)
	}
	index := h.decisions.refresh(ctx)
	scan, marks, err := h.judge(ctx, *j.Work)
	if indexErr := index(); err == nil {
		err = indexErr
	}
	if err == nil {
		err = h.block(ctx, scan)
	}
	if err != nil {
		h.countCanaryFailure(ctx, err)
		return job.Job{}, fmt.Errorf("scan %s: %w", j.Object, err)
	}
	if reason, ok := closed.ByName(j.Object.Key); ok && scan.Verdict == job.Clean {
		scan.Verdict, scan.Reason = job.Unscannable, reason
		scan.Detail = "the end of the key says that it is a part of a split archive"
	}
	// Before the verdict is returned: if the answer is lost, the object is fetched
	// again, but a file that stays takes up space on the volume.
	if err := h.dir.RemoveScanned(j.Work.File, marks); err != nil {
		return job.Job{}, fmt.Errorf("scan %s: %w", j.Object, err)
	}
	// An earlier attempt's copy belongs to its verdict. Quarantine and promote find
	// their copy again.
	j.Scan, j.Copy = scan, nil
	h.emitMetrics(ctx, *scan)
	return j, nil
}

// block makes a verdict INFECTED if an operator has blocked the content.
func (h *handler) block(ctx context.Context, scan *job.Scan) error {
	blocked, err := h.decisions.isBlocked(ctx, scan.SHA256)
	if err != nil || !blocked {
		return err
	}
	scan.Verdict, scan.Reason = job.Infected, ""
	scan.Signature, scan.Detail = decision.DetailBlocked, decision.DetailBlocked
	scan.FirstSeen = time.Time{} // of the signature that hit as well
	return nil
}

// handleWithoutFile returns a job to which fetch has given a verdict. Any other job
// without a work file is a job.ErrBadJob; its Scan may come from an earlier attempt.
func (h *handler) handleWithoutFile(j job.Job) (job.Job, error) {
	if j.Scan.Known() && (j.Scan.Reason == job.TooLarge || j.Scan.Reason == job.Unreadable) {
		return j, nil
	}
	return job.Job{}, fmt.Errorf(
		"%w: scan %s: there is neither a work file nor a verdict of fetch",
		job.ErrBadJob,
		j.Object,
	)
}

// judge returns the verdict on the work file, and how many marks the file has. It does not change the file.
func (h *handler) judge(ctx context.Context, w job.Work) (scan *job.Scan, marks int, err error) {
	tiny := w.Size < clamav.MinFileSize
	var g definitions.Generation
	if !tiny { // before the file is opened: without definitions, it need not be fetched again
		if g, err = h.current(); err != nil {
			return nil, 0, err
		}
	}
	f, err := h.dir.Read(w.File)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	a := attempt{handler: h, work: w, file: f, generation: g}
	a.scan = &job.Scan{Size: w.Size, SHA256: w.SHA256}
	if tiny {
		a.judgeTiny()
	} else if err := a.judgeWithEngine(ctx); err != nil {
		return nil, 0, err
	}
	// With the descriptor that the engine read, and after it answered, so that the
	// engine read the bytes that fetch wrote.
	sum, err := verify(f, w)
	if err != nil {
		return nil, 0, err
	}
	a.whole.Keep(sum)
	if a.scan.Verdict == job.Infected {
		a.scan.FirstSeen = firstSeen(ctx, g, a.scan.Signature, time.Now())
	}
	a.scan.Time = time.Now().UTC()
	a.scan.DurationMS = time.Since(a.start).Milliseconds()
	return a.scan, workdir.Marks(f), nil
}

// current returns the generation to scan with.
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
