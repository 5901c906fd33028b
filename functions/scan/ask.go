package main

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/trace"
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/unpack/answer"
)

// asker has the engine scan the work file and its members, for package unpack.
type asker struct {
	engine      engine
	definitions definitions.Generation
	file        *os.File // the work file
	allowed     []string // signatures that do not count in this work file; nil if all count
	// whole is the engine's finding about the work file as a whole. It is set when unpack's Check has
	// returned.
	whole clamav.Finding
}

// ask returns the finding about f, which is the work file or a member of it; sum is its SHA-256.
// Content that the engine has found clean before is not scanned again. A member has this SHA-256 for
// certain, because no other process can write to it. The work file is verified after all answers.
func (a *asker) ask(ctx context.Context, f *os.File, sum unpack.Sum) (unpack.Finding, error) {
	if a.allowed != nil {
		return a.askAll(ctx, f)
	}
	finding, known := a.engine.Known(a.definitions, clamav.Sum(sum))
	if !known {
		var err error
		if finding, err = a.scan(ctx, f); errors.Is(err, clamav.ErrTooLarge) && f != a.file {
			return unpack.Finding{Outcome: unpack.Refused, Reason: job.LimitSize, Detail: err.Error()}, nil
		} else if err != nil {
			return unpack.Finding{}, err
		}
	}
	if f == a.file {
		a.whole = finding
		return answer.Of(finding)
	}
	if finding.Outcome == clamav.Unexamined { // a member that is too short for clamd
		return unpack.Finding{Outcome: unpack.Clean}, nil
	}
	finding.Keep(clamav.Sum(sum))
	return answer.Of(finding)
}

// askAll returns the finding about f without the signatures that are allowed: the first other signature, or else the
// first refusal.
func (a *asker) askAll(ctx context.Context, f *os.File) (unpack.Finding, error) {
	findings, err := a.engine.ScanAll(ctx, a.definitions, f)
	if errors.Is(err, clamav.ErrTooLarge) && f != a.file {
		return unpack.Finding{Outcome: unpack.Refused, Reason: job.LimitSize, Detail: err.Error()}, nil
	} else if err != nil {
		return unpack.Finding{}, err
	}
	if f == a.file {
		a.whole = findings[0]
	}
	rest := unpack.Finding{Outcome: unpack.Clean}
	for _, finding := range findings {
		if finding.Outcome == clamav.Found && slices.Contains(a.allowed, finding.Signature) ||
			finding.Outcome == clamav.Unexamined && f != a.file { // a member that is too short for clamd
			continue
		}
		got, err := answer.Of(finding)
		if err != nil || got.Outcome == unpack.Found {
			return got, err
		}
		if rest.Outcome == unpack.Clean {
			rest = got
		}
	}
	return rest, nil
}

// scan has the engine scan f, and traces the scan of the work file.
func (a *asker) scan(ctx context.Context, f *os.File) (finding clamav.Finding, err error) {
	if f != a.file {
		return a.engine.Scan(ctx, a.definitions, f)
	}
	err = trace.Capture(ctx, "clamd", func(ctx context.Context) (err error) {
		finding, err = a.engine.Scan(ctx, a.definitions, f)
		return err
	})
	return finding, err
}
