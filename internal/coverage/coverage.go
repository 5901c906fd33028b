// Package coverage decides whether an engine's OK covers a whole file. ClamAV
// says OK to containers that it cannot open, so after an OK the containers are
// recognised by content, never by name, and walked: every member is unpacked
// under limits, its checksum verified, and what the engine could not reach is
// given to it. It never calls anything clean by itself, writes nothing but
// temporary files without a name, and knows no particular engine. The scan
// function calls it between the engine's OK and the verdict CLEAN.
package coverage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lazaret/lazaret/internal/job"
)

// Outcome is what coverage adds to an engine's OK. The zero value is no outcome.
type Outcome string

const (
	// Covered says that the engine has seen all of it; its OK stands.
	Covered Outcome = "covered"
	// Found says that the engine found a signature in a part that it had not reached.
	Found Outcome = "found"
	// Refused says that a part could not be shown to the engine; see Reason.
	Refused Outcome = "refused"
)

// Finding is the answer of Check and of a Scanner.
type Finding struct {
	Outcome   Outcome
	Signature string     // for Found
	Reason    job.Reason // for Refused
	Detail    string     // for Refused, in words, with the member's path
}

// Scanner asks the engine about all of f, a temporary file of at least one
// byte. Covered means that the engine said OK. An error ends Check.
type Scanner func(ctx context.Context, f *os.File) (Finding, error)

// Limits bound what Check spends on one file. Reaching one is a refusal.
type Limits struct {
	Unpacked int64         // bytes that come out of decoders, at all depths together
	Members  int           // at all depths together
	Depth    int           // containers in containers
	Time     time.Duration // for one Check
}

// DefaultLimits suit a Lambda with 15 minutes. Members and Depth are the
// engine's own (clamav.DefaultLimits), Unpacked is four times what the engine
// takes in one piece: unpacking to check costs a tenth of scanning.
func DefaultLimits() Limits {
	return Limits{Unpacked: 8 << 30, Members: 30000, Depth: 17, Time: 10 * time.Minute}
}

// Checker says how to check. The zero value is ready for use.
type Checker struct {
	// Limits are DefaultLimits if zero.
	Limits Limits
	// Dir is where members of more than 4 MiB are unpacked, os.TempDir() if
	// empty.
	Dir string
}

// Check says whether the OK that an engine gave to the size bytes of f covers
// them. Errors are the context's, the Scanner's and the disk's; there is no
// finding then. Whatever is wrong with the file is a finding.
func (c Checker) Check(ctx context.Context, f io.ReaderAt, size int64, scan Scanner) (Finding, error) {
	if c.Limits == (Limits{}) {
		c.Limits = DefaultLimits()
	}
	if c.Dir == "" {
		c.Dir = os.TempDir()
	}
	if deadline, ok := ctx.Deadline(); ok { // a verdict that takes all of the time there is comes too late
		c.Limits.Time = min(c.Limits.Time, time.Until(deadline)*9/10)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limits.Time, errTime)
	defer cancel()
	w := &walk{ctx: ctx, scan: scan, limits: c.Limits, dir: c.Dir}
	err := w.look(node{r: f, size: size})
	if errors.Is(err, errTime) {
		err = &refusal{reason: job.LimitTime, detail: fmt.Sprintf("not unpacked within %s", c.Limits.Time)}
	}
	if found, ok := errors.AsType[*detection](err); ok {
		return Finding{Outcome: Found, Signature: found.signature}, nil
	}
	if limit, ok := errors.AsType[*refusal](err); ok {
		w.keep(limit) // an earlier refusal is the better reason
	} else if err != nil {
		return Finding{}, fmt.Errorf("check coverage: %w", err)
	}
	if w.refused != nil {
		return Finding{Outcome: Refused, Reason: w.refused.reason, Detail: w.refused.Error()}, nil
	}
	return Finding{Outcome: Covered}, nil
}

var errTime = errors.New("time limit of coverage")
