// Package unpack has an engine scan every piece of a file: the file itself, and each
// member that a program could take out of it. Containers are recognised by content,
// never by name. Each of their members is unpacked under limits, scanned as a file of
// its own, byte for byte, and looked into in turn, whether or not the engine unpacks
// the container itself. What cannot be unpacked is refused with a reason.
//
// The package knows no format: a Checker is given a list of them (package formats). The
// only files that it writes are temporary ones without a name.
package unpack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lazaret/lazaret/internal/job"
)

// MinContent is how many bytes a piece must have to be shown. The engine does not scan smaller files
// (clamav.MinFileSize).
const MinContent = 6

// Outcome is the kind of a Finding. The zero value is none of them.
type Outcome string

const (
	// Clean says that the engine has scanned every piece to its end, and found nothing.
	Clean Outcome = "clean"
	// Found says that the engine has found a signature in some piece.
	Found Outcome = "found"
	// Refused says that a piece could not be given to the engine, or was not scanned to
	// its end; see Reason.
	Refused Outcome = "refused"
)

// Finding is the answer of Check and of an Engine.
type Finding struct {
	Outcome   Outcome
	Signature string     // for Found
	Reason    job.Reason // for Refused
	Detail    string     // for Refused, in words, with the member's path
}

// Sum is the SHA-256 of a piece's bytes.
type Sum = [sha256.Size]byte

// Engine scans all of f, which has at least one byte and the SHA-256 sum. An error ends
// Check.
type Engine func(ctx context.Context, f *os.File, sum Sum) (Finding, error)

// Limits bound what Check spends on one file. Where one is reached, the file is refused.
type Limits struct {
	Unpacked int64         // bytes that come out of decoders, at all depths together
	Members  int           // at all depths together
	Depth    int           // containers in one another
	Time     time.Duration // for one Check
}

// DefaultLimits suit a Lambda function that may run 15 minutes, the most that AWS
// allows. Members and Depth are the engine's own limits (clamav.DefaultLimits). Unpacked
// is four times the largest piece that the engine scans.
func DefaultLimits() Limits {
	return Limits{Unpacked: 8 << 30, Members: 30000, Depth: 17, Time: 15 * time.Minute}
}

// Checker says how to check files. Formats must be set.
type Checker struct {
	Formats Formats
	// Limits are DefaultLimits if zero.
	Limits Limits
	// Parallel is how many pieces are scanned at a time, 1 if zero.
	Parallel int
	// Dir is the folder for members of more than 4 MiB, os.TempDir() if empty.
	Dir string
	// Spent, if set, is called at the end of every Check.
	Spent func(Spent)
}

// Spent is what one Check has used.
type Spent struct {
	Unpacked int64 // bytes that came out of decoders
	Members  int
	Asked    int   // pieces that the engine was given
	Read     int64 // bytes that were read of the file and of unpacked members
	Held     int64 // bytes of memory that decoders still have at the end: 0
	Disk     int64 // bytes of disk that members still take at the end: 0
}

// Check has the engine scan f, which has size bytes and the SHA-256 sum, and then every
// piece in it. A signature in any piece comes before a refusal, and the first refusal
// before later ones. Whatever is wrong with the file is a finding. An error is the
// context's, the engine's or the disk's, and comes without a finding.
func (c Checker) Check(ctx context.Context, f *os.File, size int64, sum Sum, engine Engine) (Finding, error) {
	if c.Limits == (Limits{}) {
		c.Limits = DefaultLimits()
	}
	if c.Dir == "" {
		c.Dir = os.TempDir()
	}
	if deadline, ok := ctx.Deadline(); ok { // the caller needs the rest to report the finding
		c.Limits.Time = min(c.Limits.Time, time.Until(deadline)*9/10)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limits.Time, errTime)
	defer cancel()
	w := newWalk(ctx, c, engine)
	err := w.file(f, size, sum)
	if cause := w.scans.wait(); cause != nil {
		err = cause // of which the walk's own error is a consequence
	}
	if c.Spent != nil {
		w.spent.Disk = w.taken.Load()
		c.Spent(w.spent)
	}
	return w.conclude(err)
}

// conclude is the finding after a walk that ended with err.
func (w *walk) conclude(err error) (Finding, error) {
	if found, ok := errors.AsType[*detection](err); ok {
		return Finding{Outcome: Found, Signature: found.signature}, nil
	}
	if errors.Is(err, errTime) {
		err = &Refusal{Reason: job.LimitTime, Detail: fmt.Sprintf("not unpacked within %s", w.limits.Time)}
	} else if w.readError != nil { // the walk may have gone on without the bytes that were not read
		err = w.readError
	}
	if limit, ok := errors.AsType[*Refusal](err); ok {
		w.refuse(limit) // after those of the walk, which say more
	} else if err != nil {
		return Finding{}, fmt.Errorf("unpack file: %w", err)
	}
	if refused := w.refusals.wait(); len(refused) > 0 {
		return Finding{Outcome: Refused, Reason: refused[0].Reason, Detail: refused[0].Error()}, nil
	}
	return Finding{Outcome: Clean}, nil
}

var errTime = errors.New("time limit of unpacking")
