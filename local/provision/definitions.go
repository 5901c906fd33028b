// Package provision brings virus definitions to the shared volume of a local stack, and finds the programs of ClamAV
// that need them.
package provision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/local/template"
)

// Values of Source.Definitions that name no folder.
const (
	Test     = "test"     // definitions that detect EICAR and nothing else
	None     = "none"     // publishes nothing: what the volume has already stays
	Official = "official" // the freshclam function downloads from ClamAV's mirror
)

// Freshclam is the name, without the stack's, of the function that brings definitions.
const Freshclam = "freshclam"

// definitionsDir is the variable by which a function of the template asks for definitions, and so for clamd.
const definitionsDir = "DEFINITIONS_DIR"

// Source says where the definitions come from.
type Source struct {
	Definitions string // Test, None, Official, or a folder of ClamAV databases
	Mirror      string // URL of a mirror that the freshclam function downloads from, in place of Definitions
	// ParameterSet says that the template's parameter DatabaseMirror was set by hand.
	ParameterSet bool
}

// FromMirror reports whether the freshclam function brings the definitions.
func (s Source) FromMirror() bool { return s.Mirror != "" || s.Definitions == Official }

// Check looks for the programs of ClamAV that the functions need, so that their absence is an error of the start and
// not of the first upload.
func (s Source) Check(functions []template.Function) error {
	if s.FromMirror() {
		if _, err := find(Freshclam, "/usr/bin/freshclam"); err != nil {
			return err
		}
	}
	for _, f := range functions {
		if _, scans := f.Environment[definitionsDir]; scans {
			_, err := FindClamd()
			return err
		}
	}
	return nil
}

// FindClamd returns the path of clamd, where the scan function looks for it.
func FindClamd() (string, error) { return find("clamd", "/usr/sbin/clamd") }

// find looks for a program on PATH and at the place where Debian installs it, which may not be on PATH.
func find(name, place string) (string, error) {
	for _, candidate := range []string{name, place} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("find %s: it is neither on PATH nor in %s (run make clamav)", name, filepath.Dir(place))
}

// Publish publishes the definitions on the volume, except those that the freshclam function brings later. It returns
// the generation that is current then, and zero when there is none. Temporary files are made in temp.
func (s Source) Publish(ctx context.Context, functions []template.Function, volume, temp string) (
	definitions.Generation, error,
) {
	var none definitions.Generation
	root := definitionsRoot(functions, volume)
	if root == "" {
		return none, nil
	}
	store, folder := definitions.Open(root), s.Definitions
	switch {
	case s.FromMirror() || s.Definitions == None:
		g, err := store.Current()
		if errors.Is(err, definitions.ErrNone) {
			return none, nil
		}
		return g, err
	case s.Definitions == Test:
		folder = filepath.Join(temp, "definitions")
		if err := definitions.WriteTest(folder); err != nil {
			return none, err
		}
	default:
		if err := prove(ctx, folder); err != nil {
			return none, err
		}
	}
	g, err := store.Publish(ctx, folder)
	if err != nil {
		return g, fmt.Errorf("publish definitions from %s: %w", folder, err)
	}
	return g, nil
}

// prove starts clamd with the definitions in a folder and lets it scan the canaries, as the scan function does before
// every use: without a signature of EICAR no scan would end.
func prove(ctx context.Context, folder string) error {
	if _, err := definitions.Inspect(ctx, folder); err != nil {
		return fmt.Errorf("use definitions from %s: %w", folder, err)
	}
	clamd, err := FindClamd()
	if err != nil {
		return err
	}
	err = scanCanaries(ctx, clamd, folder)
	switch {
	case errors.Is(err, clamav.ErrCanary):
		return fmt.Errorf("use definitions from %s: clamd does not find EICAR with them, and is tested with it before "+
			"each use: add a signature of EICAR (ClamAV's daily.cvd has one): %w", folder, err)
	case err != nil:
		return fmt.Errorf("test definitions from %s: %w", folder, err)
	}
	return nil
}

func scanCanaries(ctx context.Context, clamd, folder string) error {
	dir, err := os.MkdirTemp("", "lazaret-prove-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	link := filepath.Join(dir, "definitions") // a path in clamd.conf must not have blanks
	if err := os.Symlink(folder, link); err != nil {
		return err
	}
	engine, err := clamav.Start(clamav.Config{Clamd: clamd, RunDir: dir}, definitions.Generation{Dir: link})
	if err != nil {
		return err
	}
	if err = engine.Ready(ctx); err == nil {
		err = engine.Prove(ctx)
	}
	return errors.Join(err, engine.Stop())
}

// definitionsRoot returns the folder on the volume that functions see as DEFINITIONS_DIR, or "" when none asks for it.
func definitionsRoot(functions []template.Function, volume string) string {
	for _, f := range functions {
		for _, m := range f.Mounts {
			if path, ok := strings.CutPrefix(f.Environment[definitionsDir], m.Path+"/"); ok {
				return filepath.Join(volume, m.Root, path)
			}
		}
	}
	return ""
}
