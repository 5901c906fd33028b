package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/refresh"
	"github.com/lazaret/lazaret/local/template"
)

const (
	// databaseMirror is the variable by which a function of the template shows
	// that it brings definitions.
	databaseMirror = "DATABASE_MIRROR"
	// mirrorParameter is the template's parameter behind it.
	mirrorParameter = "DatabaseMirror"
	// noMirror is where nobody listens: without an explicit wish nothing on this
	// machine asks ClamAV's mirror, also when somebody invokes the function.
	noMirror = "http://127.0.0.1:9"
)

// fromMirror reports whether the freshclam function is to bring the definitions.
func (c Config) fromMirror() bool {
	return c.Mirror != "" || c.Definitions == OfficialDefinitions
}

// mirror overrides a function's mirror; empty leaves the template's.
func (s *Stack) mirror(f template.Function) []string {
	_, brings := f.Environment[databaseMirror]
	_, given := s.config.Parameters[mirrorParameter]
	switch {
	case !brings:
		return nil
	case s.config.Mirror != "":
		return []string{databaseMirror + "=" + s.config.Mirror}
	case given || s.config.Definitions == OfficialDefinitions:
		return nil
	}
	return []string{databaseMirror + "=" + noMirror}
}

// updateDefinitions runs the freshclam function, as its schedule does on AWS.
// What --data has from before is good enough where the mirror is not.
func (s *Stack) updateDefinitions(ctx context.Context) (definitions.Generation, error) {
	for _, f := range s.Application.Functions {
		if _, brings := f.Environment[databaseMirror]; !brings {
			continue
		}
		result, err := s.services.lambda.Invoke(ctx, f.Name, []byte("{}"))
		if err != nil {
			return definitions.Generation{}, fmt.Errorf("update definitions: %w", err)
		}
		if result.FunctionError != "" {
			return definitions.Generation{}, fmt.Errorf("update definitions: %s: %s", f.Name, result.Payload)
		}
		var status refresh.Status
		if err := json.Unmarshal(result.Payload, &status); err != nil {
			return definitions.Generation{}, fmt.Errorf("update definitions: read the answer of %s: %w", f.Name, err)
		}
		if status.Current == nil {
			return definitions.Generation{}, fmt.Errorf("update definitions: %s: %s", status.Outcome, status.Detail)
		}
		return definitions.Open(s.definitionsRoot()).Current()
	}
	return definitions.Generation{}, errors.New("update definitions: no function of the template does that")
}

// findFreshclam looks where the function looks.
func findFreshclam() error {
	for _, place := range []string{"freshclam", "/usr/bin/freshclam"} {
		if _, err := exec.LookPath(place); err == nil {
			return nil
		}
	}
	return errors.New("find freshclam: it is neither on PATH nor in /usr/bin (run make clamav)")
}
