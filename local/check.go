package local

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/lazaret/lazaret/local/template"
)

// definitionsDir is the variable by which a function of the template asks for
// definitions, and so for the engine.
const definitionsDir = "DEFINITIONS_DIR"

// check looks for the programs that functions will need, so that their absence
// is said at once and not by the first upload.
func (s *Stack) check() error {
	scans := false
	for _, f := range s.Application.Functions {
		path, err := s.binary(f)
		if err == nil {
			_, err = exec.LookPath(path)
		}
		if err != nil {
			return fmt.Errorf("find the program of function %s (run make build): %w", f.Name, err)
		}
		_, asks := f.Environment[definitionsDir]
		scans = scans || asks
	}
	if s.config.fromMirror() {
		if err := findFreshclam(); err != nil {
			return err
		}
	}
	if scans {
		_, err := findClamd(clamdPlaces)
		return err
	}
	return nil
}

func (s *Stack) binary(f template.Function) (string, error) {
	return filepath.Join(s.config.BinDir, f.Short, "bootstrap"), nil
}

// clamdPlaces are where the scan function looks for clamd: on PATH, and where
// Debian puts it, which is not on every user's PATH.
var clamdPlaces = []string{"clamd", "/usr/sbin/clamd"}

// FindClamd returns the path of this machine's clamd.
func FindClamd() (string, error) { return findClamd(clamdPlaces) }

func findClamd(places []string) (string, error) {
	for _, place := range places {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", errors.New("find clamd: it is neither on PATH nor in /usr/sbin (run make clamav)")
}
