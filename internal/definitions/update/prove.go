package update

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/knownclean"
)

// prove loads the folder into an engine, which must find the canaries, and calls use with it, which
// may be nil. The warnings are about what the engine left out, or why it did not load.
func (u *Updater) prove(
	ctx context.Context, dir string, use func(*clamav.Engine) error,
) (warnings []string, err error) {
	e, err := clamav.Start(u.Engine, definitions.Generation{Dir: dir})
	if err != nil {
		return nil, fmt.Errorf("load definitions: %w", err)
	}
	err = e.Ready(ctx)
	if err == nil {
		err = e.Prove(ctx)
	}
	if err == nil && use != nil {
		err = use(e)
	}
	warnings = e.Warnings()
	if err = errors.Join(err, e.Stop()); err != nil {
		return warnings, fmt.Errorf("load definitions: %w", err)
	}
	return warnings, nil
}

const (
	// knownCleanTime is how long the scan of the known-clean files may take, of which the Debian image has
	// 71 MB.
	knownCleanTime = 4 * time.Minute
	// publishTime is how long before the end of its time a run stops scanning, to write to the volume.
	publishTime = 2 * time.Minute
)

// proof is the result of scanning the known-clean files with a whole set.
type proof struct {
	report        knownclean.Report
	official, own []definitions.Detection // by official and by own signatures
	// unchecked is why it is not known what official signatures report about the files in own; nil if it
	// is known.
	unchecked error
}

// proveAll proves the staged set and scans the known-clean files, those of the system from the file
// called from on.
func (u *Updater) proveAll(ctx context.Context, stage, from string) (p proof, err error) {
	_, err = u.prove(ctx, stage, func(e *clamav.Engine) (err error) {
		p.report, err = u.scanKnownClean(ctx, e, u.KnownClean, from)
		return err
	})
	if err != nil {
		return proof{}, err
	}
	files := map[string]bool{}
	for _, d := range p.report.Detections {
		if strings.HasSuffix(d.Signature, unofficial) {
			p.own = append(p.own, d)
			files[d.File] = true
		} else {
			p.official = append(p.official, d)
		}
	}
	if len(p.own) == 0 {
		return p, nil
	}
	// The engine reports one signature for a file, so that an own one may hide an
	// official one.
	hidden, err := u.detectionsWithoutOwn(ctx, stage, u.KnownClean.Named(files))
	if errors.Is(err, knownclean.ErrTime) {
		p.unchecked = fmt.Errorf("own signatures report %d known-clean files, "+
			"and whether official ones do too is not known: %w", len(files), err)
		err = nil
	}
	p.official = append(p.official, hidden...)
	return p, err
}

// unofficial ends the names of signatures of loose files. In a staged set these are own signatures.
const unofficial = ".UNOFFICIAL"

// detectionsWithoutOwn scans files with an engine without the own signatures that detect.
func (u *Updater) detectionsWithoutOwn(
	ctx context.Context, stage string, files knownclean.Set,
) ([]definitions.Detection, error) {
	dir, err := os.MkdirTemp(u.Staging, "lazaret-stage-")
	if err != nil {
		return nil, fmt.Errorf("create staging folder: %w", err)
	}
	defer os.RemoveAll(dir)
	entries, err := os.ReadDir(stage)
	if err != nil {
		return nil, fmt.Errorf("read staging folder: %w", err)
	}
	for _, e := range entries {
		if !isContainer(e.Name()) && !slices.Contains(allowing, filepath.Ext(e.Name())) {
			continue
		}
		if err := os.Symlink(filepath.Join(stage, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return nil, fmt.Errorf("stage official definitions: %w", err)
		}
	}
	var r knownclean.Report
	_, err = u.prove(ctx, dir, func(e *clamav.Engine) (err error) {
		r, err = u.scanKnownClean(ctx, e, files, "")
		return err
	})
	if err == nil && r.Next != "" {
		err = knownclean.ErrTime
	}
	return r.Detections, err
}

// scanKnownClean scans the files in the time that is left for them.
func (u *Updater) scanKnownClean(
	ctx context.Context, e *clamav.Engine, files knownclean.Set, from string,
) (knownclean.Report, error) {
	until := time.Now().Add(cmp.Or(u.KnownCleanTime, knownCleanTime))
	if end, ok := ctx.Deadline(); ok && end.Add(-publishTime).Before(until) {
		until = end.Add(-publishTime)
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	return files.Check(ctx, e, u.Staging, from)
}
