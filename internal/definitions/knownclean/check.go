package knownclean

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
)

// ErrTime says that the context ended before all documents were scanned. Documents
// are what most people upload, so nothing is known about false positives then.
var ErrTime = errors.New("the time was over before all known-clean documents were scanned")

// Report is the result of Check.
type Report struct {
	Files   int     `json:"files"` // files that were scanned
	Of      int     `json:"of"`    // files of the set that can be opened
	Bytes   int64   `json:"bytes"` // bytes of the files that were scanned
	Seconds float64 `json:"seconds"`
	// Next is the name of the file with which the next Check is to begin, because the
	// context ended before it was scanned; empty when all files were scanned.
	Next string `json:"next,omitempty"`
	// Partial are the names of files that the engine did not scan completely.
	Partial []string `json:"partial,omitempty"`
	// Detections are false positives.
	Detections []definitions.Detection `json:"-"`
}

// engine is the method of clamav.Engine that Check calls.
type engine interface {
	Scan(ctx context.Context, f *os.File) (clamav.Finding, error)
}

// Check scans every file of the set: first the documents, then the system's files from
// the one named from, which is Next of an earlier report or empty. tempDir is where
// temporary files without a name are made. If ctx ends while documents are scanned, the
// error is ErrTime. If it ends later, the report has Next, and there is no error. In
// both cases a scan was cut off, so that the engine must be stopped.
func (s Set) Check(ctx context.Context, e engine, tempDir, from string) (r Report, err error) {
	start := time.Now()
	r.Of = s.Len()
	defer func() { r.Seconds = time.Since(start).Seconds() }()
	for _, f := range s.Documents {
		if err := r.scan(ctx, e, f, tempDir); err != nil {
			if ctx.Err() != nil {
				return r, fmt.Errorf("%w: %w", ErrTime, err)
			}
			return r, err
		}
	}
	for _, f := range s.systemFrom(from) {
		if err := r.scan(ctx, e, f, tempDir); err != nil {
			if ctx.Err() != nil {
				r.Next = f.Name
				return r, nil
			}
			return r, err
		}
	}
	return r, nil
}

// systemFrom returns the system's files, beginning with the one that has a name.
func (s Set) systemFrom(name string) []File {
	i := max(0, slices.IndexFunc(s.System, func(f File) bool { return f.Name == name }))
	return slices.Concat(s.System[i:], s.System[:i])
}

// scan scans one file and adds the result to the report. A file that cannot be opened
// on this machine is left out.
func (r *Report) scan(ctx context.Context, e engine, f File, tempDir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	opened, err := f.Open(tempDir)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
		r.Of-- // in the function's image all files can be read
		return nil
	}
	if err != nil {
		return fmt.Errorf("open known-clean file %s: %w", f.Name, err)
	}
	defer opened.Close()
	found, err := e.Scan(ctx, opened)
	if err != nil {
		return fmt.Errorf("scan known-clean file %s: %w", f.Name, err)
	}
	r.Files++
	r.Bytes += f.Size
	switch found.Outcome {
	case clamav.Found:
		r.Detections = append(r.Detections, definitions.Detection{Signature: found.Signature, File: f.Name})
	case clamav.Limit, clamav.Encrypted:
		r.Partial = append(r.Partial, f.Name)
	case clamav.Clean, clamav.Unexamined:
	}
	return nil
}
