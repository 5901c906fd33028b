package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/unpack"
	"github.com/lazaret/lazaret/internal/workdir"
)

// conclude turns a finding into a verdict. Only unpack.Clean is CLEAN; an unknown outcome is an error
// and not a verdict.
func conclude(f unpack.Finding, scan *job.Scan) error {
	switch f.Outcome {
	case unpack.Clean:
		scan.Verdict = job.Clean
	case unpack.Found:
		scan.Verdict, scan.Signature = job.Infected, f.Signature
	case unpack.Refused:
		scan.Verdict, scan.Reason, scan.Detail = job.Unscannable, f.Reason, f.Detail
	default:
		return fmt.Errorf("%w: the outcome of the finding is unknown: %q", job.ErrEngine, f.Outcome)
	}
	return nil
}

// verify reads the work file again, compares it with what fetch wrote, and returns its SHA-256. A
// difference is a job.ErrWorkFileGone, after which the object is fetched again: the volume lost or
// changed the file.
func verify(f *os.File, w job.Work) (clamav.Sum, error) {
	hash := sha256.New()
	// With an offset of its own, because the engine shares the descriptor's, and to the end of the file,
	// so that a file that has grown is noticed.
	n, err := io.Copy(hash, io.NewSectionReader(f, 0, math.MaxInt64))
	if err != nil {
		return clamav.Sum{}, fmt.Errorf("read work file %s: %w", w.File, workdir.Transient(err))
	}
	sum := clamav.Sum(hash.Sum(nil))
	if hex.EncodeToString(sum[:]) != w.SHA256 || n != w.Size {
		return clamav.Sum{}, fmt.Errorf("%w: work file %s holds %d bytes with SHA-256 %x, fetch wrote %d with %s",
			job.ErrWorkFileGone, w.File, n, sum, w.Size, w.SHA256)
	}
	return sum, nil
}
