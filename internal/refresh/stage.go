package refresh

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/freshclam"
)

// seed fills dir with links to the databases of g, so that freshclam compares
// versions and applies incremental updates without a copy of everything being
// read from the volume first, which most runs would be for nothing. It never
// writes into a database: it replaces one by rename, which replaces the link.
func seed(dir string, g definitions.Generation, state string) error {
	if err := os.Symlink(state, filepath.Join(dir, freshclam.StateFile)); err != nil {
		return fmt.Errorf("stage definitions: %w", err)
	}
	if g.Dir == "" {
		return nil
	}
	return link(dir, g, true)
}

// link links the containers of g into dir, or else the loose files, which are
// own signatures.
func link(dir string, g definitions.Generation, containers bool) error {
	entries, err := os.ReadDir(g.Dir)
	if err != nil {
		return fmt.Errorf("stage definitions: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || container(e.Name()) != containers {
			continue
		}
		if err := os.Symlink(filepath.Join(g.Dir, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("stage definitions: %w", err)
		}
	}
	return nil
}

func container(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".cvd" || ext == ".cld"
}

// unseed removes what freshclam made of the containers, to seed them again.
func unseed(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("clear staging folder: %w", err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("clear staging folder: %w", err)
		}
	}
	return nil
}

// settle makes of dir what can be published: links become copies, and what a
// killed or failing freshclam left over goes. Of a .cvd and a .cld of one set
// the newer stays.
func settle(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("settle staged definitions: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.Name() == freshclam.StateFile || e.IsDir() || superseded(dir, e.Name()):
			err = os.RemoveAll(path)
		case e.Type()&fs.ModeSymlink != 0:
			err = replaceByCopy(path)
		}
		if err != nil {
			return fmt.Errorf("settle staged definitions: %w", err)
		}
	}
	return nil
}

// superseded reports whether the other form of the same container is newer.
func superseded(dir, name string) bool {
	other := map[string]string{".cvd": ".cld", ".cld": ".cvd"}[filepath.Ext(name)]
	if other == "" {
		return false
	}
	mine, err := version(filepath.Join(dir, name))
	theirs, otherErr := version(filepath.Join(dir, strings.TrimSuffix(name, filepath.Ext(name))+other))
	return otherErr == nil && (err != nil || theirs > mine)
}

func version(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	h, err := definitions.ReadHeader(f)
	return h.Version, err
}

func replaceByCopy(path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.Remove(path); err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
