package refresh

import (
	"context"
	"errors"
	"fmt"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions"
)

// prove loads the folder into an engine and wants it to find the canaries. The
// complaints are about what the engine left out, or why it did not load.
func (u *Updater) prove(ctx context.Context, dir string) (complaints []string, err error) {
	e, err := clamav.Start(u.Engine, definitions.Generation{Dir: dir})
	if err != nil {
		return nil, fmt.Errorf("load definitions: %w", err)
	}
	err = e.Ready(ctx)
	if err == nil {
		err = e.Prove(ctx)
	}
	complaints = e.Complaints()
	if err = errors.Join(err, e.Stop()); err != nil {
		return complaints, fmt.Errorf("load definitions: %w", err)
	}
	return complaints, nil
}
