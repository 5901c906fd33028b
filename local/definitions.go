package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/local/template"
)

// Values of Config.Definitions that name no folder.
const (
	TestDefinitions = "test" // they know EICAR and nothing else
	NoDefinitions   = "none" // publishes nothing: what the data folder has already stays
	// OfficialDefinitions has the freshclam function ask ClamAV's own mirror.
	OfficialDefinitions = "official"
)

// publishDefinitions does what the freshclam function does on AWS and returns
// the generation that is current then, zero when there is none. The engine
// proves it at its first start.
func (s *Stack) publishDefinitions(ctx context.Context) (definitions.Generation, error) {
	root := s.definitionsRoot()
	if root == "" {
		return definitions.Generation{}, nil
	}
	store, source := definitions.Open(root), s.config.Definitions
	if s.config.fromMirror() {
		source = NoDefinitions // the function comes later, when it can be run
	}
	switch source {
	case NoDefinitions:
		g, err := store.Current()
		if errors.Is(err, definitions.ErrNone) {
			err = nil
		}
		return g, err
	case TestDefinitions:
		source = filepath.Join(s.tempDir(), "definitions")
		if err := definitions.WriteTest(source); err != nil {
			return definitions.Generation{}, err
		}
	}
	if source == s.config.Definitions {
		if err := s.prove(ctx, source); err != nil {
			return definitions.Generation{}, err
		}
	}
	g, err := store.Publish(ctx, source)
	if err != nil {
		return g, fmt.Errorf("publish definitions from %s: %w", source, err)
	}
	return g, nil
}

// prove has an engine load a folder of the user's and find the canaries, as it
// must before every use: without a signature of EICAR no scan would ever end.
func (s *Stack) prove(ctx context.Context, source string) (err error) {
	if _, err := definitions.Inspect(ctx, source); err != nil {
		return fmt.Errorf("use definitions from %s: %w", source, err)
	}
	clamd, err := FindClamd()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lazaret-prove-")
	if err != nil {
		return fmt.Errorf("prove definitions from %s: %w", source, err)
	}
	defer os.RemoveAll(dir)
	link := filepath.Join(dir, "definitions") // clamd.conf holds no path with a blank
	if err := os.Symlink(source, link); err != nil {
		return fmt.Errorf("prove definitions from %s: %w", source, err)
	}
	e, err := clamav.Start(clamav.Config{Clamd: clamd, RunDir: dir}, definitions.Generation{Dir: link})
	if err == nil {
		err = e.Ready(ctx)
		if err == nil {
			err = e.Prove(ctx)
		}
		err = errors.Join(err, e.Stop())
	}
	switch {
	case errors.Is(err, clamav.ErrCanary):
		return fmt.Errorf("use definitions from %s: the engine finds no EICAR with them, by which it is proved before each use: "+
			"put a signature of EICAR beside them (ClamAV's daily set has one): %w", source, err)
	case err != nil:
		return fmt.Errorf("prove definitions from %s: %w", source, err)
	}
	return nil
}

// definitionsRoot is the folder that functions know as DEFINITIONS_DIR; empty
// when none of them asks for definitions.
func (s *Stack) definitionsRoot() string {
	for _, f := range s.Application.Functions {
		if dir, ok := onVolume(f, f.Environment[definitionsDir]); ok {
			return filepath.Join(s.volume, dir)
		}
	}
	return ""
}

// onVolume turns a path as a function sees it into a path on the shared volume.
func onVolume(f template.Function, path string) (string, bool) {
	for _, m := range f.Mounts {
		if rest, ok := strings.CutPrefix(path, m.Path+"/"); ok {
			return filepath.Join(m.Root, rest), true
		}
	}
	return "", false
}
