package workdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Sweep removes from the folder at path what was last written before the given
// time, and returns how many files it removed. The caller chooses a time that
// no execution can outlive. A folder that is not there has nothing to sweep.
//
// Whatever is no file stays, and is reported: nothing of ours makes any.
func Sweep(path string, before time.Time) (removed int, err error) {
	root, err := os.OpenRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("sweep work files: %w", err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return 0, fmt.Errorf("sweep work files: %w", err)
	}
	var errs []error
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // a scan has just ended
		case err != nil:
			errs = append(errs, err)
		case !info.Mode().IsRegular():
			errs = append(errs, fmt.Errorf("%s is no file", e.Name()))
		case info.ModTime().Before(before):
			err := root.Remove(e.Name())
			if err == nil {
				removed++
			} else if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return removed, fmt.Errorf("sweep work files: %w", err)
	}
	return removed, nil
}
