package refresh

import (
	"context"
	"os"
	"path/filepath"

	"github.com/lazaret/lazaret/internal/definitions"
)

// own stages the own signatures and reports whether they changed since the
// current generation. Where their source does not answer, those of the current
// generation stay: a moment's trouble with a bucket must not switch them off.
func (u *Updater) own(ctx context.Context, stage string, current definitions.Generation, newer bool, s *Status) (changed bool, err error) {
	last := readStatus(u.Root)
	if last.Current == nil || last.Current.Fingerprint != current.Fingerprint {
		last = Status{} // rolled back, or killed before it was written
	}
	files, err := u.list(ctx)
	if err == nil {
		changed = !same(files, last.Own)
		if !changed && !newer {
			s.Own = last.Own
			return false, nil
		}
		s.Own, err = u.add(ctx, stage, files)
	}
	if err == nil || full(err) || ctx.Err() != nil {
		return changed, err
	}
	s.warn(err)
	s.Own = last.Own
	for _, f := range files { // some may be there already
		if classify(f).Refused == "" {
			_ = os.Remove(filepath.Join(stage, f.Name))
		}
	}
	if current.Dir == "" {
		return false, nil
	}
	return false, link(stage, current, false)
}

// dropOwn removes the own signatures from the staged set and reports whether
// there were any: each loads alone, but together with the rest they do not, or
// they hide the canaries.
func (u *Updater) dropOwn(stage string, s *Status) bool {
	dropped := false
	for i, f := range s.Own {
		if f.Refused == "" && os.Remove(filepath.Join(stage, f.Name)) == nil {
			s.Own[i].Refused, dropped = "the whole set does not load, or finds no canary, with the own signatures", true
		}
	}
	return dropped
}
