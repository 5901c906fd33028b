package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/workdir"
)

// limits are the engine's limits that have a reason of their own; the others,
// all of them bounds on how much of a file is looked at, are limit-size.
var limits = map[string]job.Reason{
	"MaxFiles":     job.LimitFiles,
	"MaxRecursion": job.LimitRecursion,
	"MaxScanTime":  job.LimitTime,
}

// conclude turns the engine's finding into a verdict. Only Clean is CLEAN; a
// finding that is not known here is an error, never a verdict.
func conclude(f clamav.Finding, scan *job.Scan) error {
	scan.Engine = job.Engine{Name: "clamd", Version: strings.TrimPrefix(f.Engine, "ClamAV ")}
	switch f.Outcome {
	case clamav.Clean:
		scan.Verdict = job.Clean
	case clamav.Found:
		scan.Verdict, scan.Signature = job.Infected, f.Signature
	case clamav.Encrypted:
		scan.Verdict, scan.Reason, scan.Detail = job.Unscannable, job.Encrypted, f.Signature
	case clamav.Limit:
		reason, ok := limits[f.Limit]
		if !ok {
			reason = job.LimitSize
		}
		scan.Verdict, scan.Reason, scan.Detail = job.Unscannable, reason, f.Signature
	default:
		return fmt.Errorf("%w: unknown finding %q", job.ErrEngine, f.Outcome)
	}
	return nil
}

// verify reads the file once more and compares it with what fetch wrote. A
// difference means that the volume lost or changed it; it is fetched again.
func verify(f *os.File, w job.Work) error {
	hash := sha256.New()
	// At an offset of its own, since the engine shares the descriptor's, and to
	// the end, so that a file that has grown shows.
	n, err := io.Copy(hash, io.NewSectionReader(f, 0, math.MaxInt64))
	if err != nil {
		return fmt.Errorf("read work file %s: %w", w.File, workdir.Transient(err))
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); n != w.Size || sum != w.SHA256 {
		return fmt.Errorf("%w: work file %s holds %d bytes with SHA-256 %s, fetch wrote %d with %s",
			job.ErrWorkFileGone, w.File, n, sum, w.Size, w.SHA256)
	}
	return nil
}
