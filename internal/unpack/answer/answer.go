// Package answer translates the findings of clamd to those of package unpack, which
// knows no particular engine.
package answer

import (
	"fmt"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/unpack"
)

// Of translates what clamd says about one piece. An unknown outcome is an error, never
// a verdict. So is clamav.Unexamined, which says that clamd does not scan so small a
// file: only the caller knows whether the piece is one.
func Of(f clamav.Finding) (unpack.Finding, error) {
	switch f.Outcome {
	case clamav.Clean:
		return unpack.Finding{Outcome: unpack.Clean}, nil
	case clamav.Found:
		return unpack.Finding{Outcome: unpack.Found, Signature: f.Signature}, nil
	case clamav.Encrypted:
		return unpack.Finding{Outcome: unpack.Refused, Reason: job.Encrypted, Detail: f.Signature}, nil
	case clamav.Limit:
		return unpack.Finding{Outcome: unpack.Refused, Reason: reason(f.Limit), Detail: f.Signature}, nil
	}
	return unpack.Finding{}, fmt.Errorf("%w: unknown finding %q", job.ErrEngine, f.Outcome)
}

// reason is the reason for a limit of clamd. Limits other than these three bound how
// many bytes are scanned.
func reason(limit string) job.Reason {
	switch limit {
	case "MaxFiles":
		return job.LimitFiles
	case "MaxRecursion":
		return job.LimitRecursion
	case "MaxScanTime":
		return job.LimitTime
	}
	return job.LimitSize
}
