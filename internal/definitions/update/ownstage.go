package update

import (
	"context"
	"os"
	"path/filepath"

	"github.com/lazaret/lazaret/internal/definitions"
)

// stageOwnFiles stages the own signatures and reports whether they differ from those of base, the
// newest generation. If their source does not answer, those of base are staged: a short failure of a
// bucket must not disable them.
//
// last is the status of the run that made base, or a zero Status. newer says that freshclam has
// brought newer databases.
func (u *Updater) stageOwnFiles(
	ctx context.Context, stage string, base definitions.Generation, last Status, newer bool, s *Status,
) (changed bool, err error) {
	files, err := u.listOwnFiles(ctx)
	if err == nil {
		changed = !sameFiles(files, last.Own)
		if !changed && !newer {
			s.Own = last.Own
			return false, nil
		}
		s.Own, err = u.addOwnFiles(ctx, stage, files)
	}
	if err == nil || isFull(err) || ctx.Err() != nil {
		return changed, err
	}
	s.warn(err)
	s.Own = last.Own
	for _, f := range files { // some may have been staged
		if classifyOwnFile(f).Refused == "" {
			_ = os.Remove(filepath.Join(stage, f.Name))
		}
	}
	if base.Dir == "" {
		return false, nil
	}
	return false, linkLooseFiles(stage, base)
}

// removedReason is why own signatures are refused that load one by one.
const removedReason = "together with the own signatures the definitions do not load, find no canary, or are too slow"

// removeOwnFiles removes the own signatures from the staged set and reports whether there were any.
// Each of them loads alone, but together with the others they do not, or hide the canaries, or make
// the engine too slow.
func (u *Updater) removeOwnFiles(stage string, s *Status) bool {
	removed := false
	for i, f := range s.Own {
		if f.Refused == "" && os.Remove(filepath.Join(stage, f.Name)) == nil {
			s.Own[i].Refused, removed = removedReason, true
		}
	}
	return removed
}
