package update

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
)

// stageLinks fills dir with links to the databases of g and to freshclam's state file. freshclam can
// then compare versions and apply incremental updates, and the databases need not be copied from the
// volume first, which most runs would do for nothing. freshclam never writes into a database: it
// replaces one by rename, which replaces the link.
func stageLinks(dir string, g definitions.Generation, state string) error {
	if err := os.Symlink(state, filepath.Join(dir, freshclam.StateFile)); err != nil {
		return fmt.Errorf("stage definitions: %w", err)
	}
	if g.Dir == "" {
		return nil
	}
	return linkContainers(dir, g)
}

// linkContainers links the containers of g, and the files that sign them, into dir.
func linkContainers(dir string, g definitions.Generation) error {
	return linkFiles(dir, g, isContainer)
}

// linkLooseFiles links the loose files of g, which are own signatures, into dir.
func linkLooseFiles(dir string, g definitions.Generation) error {
	return linkFiles(dir, g, func(name string) bool { return !isContainer(name) })
}

// linkFiles links the files of g that want selects into dir.
func linkFiles(dir string, g definitions.Generation, want func(name string) bool) error {
	entries, err := os.ReadDir(g.Dir)
	if err != nil {
		return fmt.Errorf("stage definitions: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !want(e.Name()) {
			continue
		}
		if err := os.Symlink(filepath.Join(g.Dir, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("stage definitions: %w", err)
		}
	}
	return nil
}

// isContainer reports whether a file is a container or signs one.
func isContainer(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".cvd" || ext == ".cld" || ext == definitions.SignExt
}

// clearFolder removes everything in dir.
func clearFolder(dir string) error {
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

// finishStaging makes dir ready to be published. It replaces links by copies, and removes what a
// killed or failing freshclam left. Of a .cvd and a .cld of one set it keeps the newer one, and it
// removes files that sign no container in dir.
func finishStaging(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("finish the staged definitions: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.Name() == freshclam.StateFile || e.IsDir() || olderContainer(dir, e.Name()) || signsNothing(dir, e.Name()):
			err = os.RemoveAll(path)
		case e.Type()&fs.ModeSymlink != 0:
			err = replaceByCopy(path)
		}
		if err != nil {
			return fmt.Errorf("finish the staged definitions: %w", err)
		}
	}
	return nil
}

// olderContainer reports whether name is a container and the other form of the same set is newer.
func olderContainer(dir, name string) bool {
	other := map[string]string{".cvd": ".cld", ".cld": ".cvd"}[filepath.Ext(name)]
	if other == "" {
		return false
	}
	mine, err := version(filepath.Join(dir, name))
	theirs, otherErr := version(filepath.Join(dir, strings.TrimSuffix(name, filepath.Ext(name))+other))
	return otherErr == nil && (err != nil || theirs > mine)
}

// signsNothing reports whether name signs a version of a container that is not in dir.
func signsNothing(dir, name string) bool {
	signed, ok := strings.CutSuffix(name, definitions.SignExt) // daily-27826.cvd
	if !ok {
		return false
	}
	ext := filepath.Ext(signed)
	set, number, _ := strings.Cut(strings.TrimSuffix(signed, ext), "-")
	there, err := version(filepath.Join(dir, set+ext))
	return err != nil || number != strconv.Itoa(there)
}

// version returns the version in the header of a container.
func version(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	h, err := definitions.ReadHeader(f)
	return h.Version, err
}

// replaceByCopy replaces a link by a copy of its target.
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
