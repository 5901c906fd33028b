package workdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Sweep removes the files in the folder at path that were last written before the given time, and
// returns how many. The caller chooses a time before which every execution has ended. It is no error
// if the folder does not exist.
//
// Folders and other entries that are not files stay, and are reported: Lazaret creates none.
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
		case errors.Is(err, fs.ErrNotExist): // a scan removed it
		case err != nil:
			errs = append(errs, err)
		case !info.Mode().IsRegular():
			errs = append(errs, fmt.Errorf("%s is not a file", e.Name()))
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
