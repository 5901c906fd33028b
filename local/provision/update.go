package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/local/lambda"
	"github.com/lazaret/lazaret/local/template"
)

const (
	// MirrorParameter is the template's parameter of the mirror, and databaseMirror the variable of the freshclam
	// function that has its value.
	MirrorParameter = "DatabaseMirror"
	databaseMirror  = "DATABASE_MIRROR"
	// noMirror is an address at which nobody listens. Without a flag, nothing on this machine asks ClamAV's mirror,
	// even when somebody invokes the freshclam function.
	noMirror = "http://127.0.0.1:9"
)

// Environment returns the variables that replace a function's mirror; none leaves the template's.
func (s Source) Environment(f template.Function) []string {
	_, downloads := f.Environment[databaseMirror]
	switch {
	case !downloads:
		return nil
	case s.Mirror != "":
		return []string{databaseMirror + "=" + s.Mirror}
	case s.ParameterSet || s.Definitions == Official:
		return nil
	}
	return []string{databaseMirror + "=" + noMirror}
}

// Update invokes the freshclam function, as its schedule does on AWS, and returns the current generation. It succeeds
// when the mirror cannot be reached and the volume has definitions.
func Update(ctx context.Context, host *lambda.Host, functions []template.Function, volume string) (
	definitions.Generation, error,
) {
	var none definitions.Generation
	for _, f := range functions {
		if _, downloads := f.Environment[databaseMirror]; !downloads {
			continue
		}
		result, err := host.Invoke(ctx, f.Name, []byte("{}"))
		if err != nil {
			return none, fmt.Errorf("update definitions: %w", err)
		}
		if result.FunctionError != "" {
			return none, fmt.Errorf("update definitions: %s: %s", f.Name, result.Payload)
		}
		var status update.Status
		if err := json.Unmarshal(result.Payload, &status); err != nil {
			return none, fmt.Errorf("update definitions: read the answer of %s: %w", f.Name, err)
		}
		if status.Current == nil {
			return none, fmt.Errorf("update definitions: %s: %s", status.Outcome, status.Detail)
		}
		return definitions.Open(definitionsRoot(functions, volume)).Current()
	}
	return none, errors.New("update definitions: no function of the template downloads them")
}
