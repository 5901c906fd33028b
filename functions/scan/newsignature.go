package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/signatures"
)

// firstSeen returns when the definitions got the signature, if it is new in the generation that found
// it, and otherwise a zero time. If the list cannot be read, the signature counts as known: its object
// is moved as any other.
func firstSeen(ctx context.Context, g definitions.Generation, signature string, now time.Time) time.Time {
	l, err := signatures.Read(g.Dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			slog.WarnContext(ctx, "scan", "generation", g.Fingerprint, "cause", err.Error())
		}
		return time.Time{}
	}
	first, isNew := l.IsNew(signature, now)
	if !isNew {
		return time.Time{}
	}
	return first.UTC()
}
