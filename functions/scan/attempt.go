package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/trace"
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/workdir"
)

// maxCrashes is how many engines may end during scans of one file before the file is
// UNSCANNABLE. workdir.Mark counts no further.
const maxCrashes = 2

// attempt is one attempt to scan a work file.
type attempt struct {
	*handler
	work       job.Work
	file       *os.File
	generation definitions.Generation

	scan  *job.Scan      // the result
	whole clamav.Finding // of the work file as a whole, without its members
	start time.Time      // when a ready engine began; the wait for the engine does not count
}

// judgeTiny gives a verdict on a file that is too short for the engine.
func (a *attempt) judgeTiny() {
	a.start = time.Now()
	a.scan.Verdict, a.scan.Engine = job.Clean, job.Engine{Name: "none"}
	a.scan.Detail = fmt.Sprintf("the engine does not scan files of fewer than %d bytes", clamav.MinFileSize)
}

// judgeWithEngine gives the verdict of the engine on the file and its members.
func (a *attempt) judgeWithEngine(ctx context.Context) error {
	g := a.generation
	a.scan.Definitions = &job.Definitions{Version: g.Version, Built: g.Built, Fingerprint: g.Fingerprint}
	total := timeLeft(ctx)
	if err := a.engine.Ensure(ctx, g); err != nil {
		return classify(err)
	}
	// If the engine took more than half of the time to load, a timeout says nothing
	// about the file.
	enoughTime := timeLeft(ctx) >= total/2
	a.start = time.Now()
	mark, err := a.dir.Mark(a.work.File, a.file)
	if err != nil {
		return err
	}
	a.scan.Engine = job.Engine{Name: "clamd"} // scanMembers adds the version
	if mark.Unfinished >= maxCrashes {
		a.unscannable(job.EngineCrash, "two engines ended while they scanned this file")
		return mark.Keep()
	}
	err = a.scanAndWeigh(ctx)
	end := mark.Release
	if errors.Is(err, clamav.ErrEngineDied) {
		end = mark.Keep
	}
	if markErr := end(); markErr != nil {
		return errors.Join(classify(err), markErr)
	}
	switch {
	case errors.Is(err, clamav.ErrTooLarge):
		a.unscannable(job.TooLarge, err.Error())
		a.scan.Engine = job.Engine{Name: "none"}
	case errors.Is(err, clamav.ErrOverdue) && enoughTime:
		a.unscannable(job.LimitTime, err.Error())
	case err != nil:
		return classify(err)
	case a.scan.Reason == job.LimitTime && !enoughTime:
		return fmt.Errorf("%w: the engine was late: %s", job.ErrEngine, a.scan.Detail)
	}
	return nil
}

func (a *attempt) unscannable(reason job.Reason, detail string) {
	a.scan.Verdict, a.scan.Reason, a.scan.Detail = job.Unscannable, reason, detail
}

// scanAndWeigh has the engine scan the file and its members. Where a signature hits that an operator has found wrong
// about this content, it has them scanned again, without an end at the first signature: the content is what it is
// without the signatures that are allowed. Only a hit costs a request to S3.
func (a *attempt) scanAndWeigh(ctx context.Context) error {
	if err := a.scanMembers(ctx, nil); err != nil || a.scan.Verdict != job.Infected {
		return err
	}
	entry, err := a.decisions.allowed(ctx, a.scan.SHA256)
	if err != nil || !entry.Covers(a.scan.SHA256, a.scan.Signature, a.decisions.now()) {
		return err
	}
	a.scan.Verdict, a.scan.Signature = "", ""
	if err := a.scanMembers(ctx, entry.Signatures); err != nil {
		return err
	}
	if a.scan.Verdict == job.Clean {
		a.scan.Detail = decision.DetailAllowed
	}
	return nil
}

// scanMembers has the engine scan the file and each of its members, in nine tenths
// of the time that is left. The rest is for verify and for the answer. Signatures that
// are allowed do not count.
func (a *attempt) scanMembers(ctx context.Context, allowed []string) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)*9/10)
		defer cancel()
	}
	var sum unpack.Sum
	if n, err := hex.Decode(sum[:], []byte(a.scan.SHA256)); err != nil || n != len(sum) {
		return fmt.Errorf("%w: the work file's SHA-256 is %q", job.ErrBadJob, a.scan.SHA256)
	}
	asker := asker{engine: a.engine, definitions: a.generation, file: a.file, allowed: allowed}
	var finding unpack.Finding
	err := trace.Capture(ctx, "unpack", func(ctx context.Context) (err error) {
		finding, err = a.unpack.Check(ctx, a.file, a.scan.Size, sum, asker.ask)
		return err
	})
	switch {
	case errors.Is(err, clamav.ErrEngine) || errors.Is(err, clamav.ErrTooLarge) || errors.Is(err, job.ErrEngine):
		return err
	case err != nil: // of the volume or of the disk
		return workdir.Transient(err)
	}
	a.whole = asker.whole
	a.scan.Engine.Version = strings.TrimPrefix(a.whole.Engine, "ClamAV ")
	return conclude(finding, a.scan)
}

// classify wraps an error of the engine with job.ErrEngine: the next attempt gets a
// new engine.
func classify(err error) error {
	if errors.Is(err, clamav.ErrEngine) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", job.ErrEngine, err)
	}
	return err
}

// timeLeft returns how long this invocation may still take, 0 if it has no end.
func timeLeft(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return 0
}
