package update

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/trial"
)

// Request is what an operator asks of the freshclam function. Any other event, such as the schedule's,
// is a request for an update.
type Request struct {
	Definitions string `json:"definitions"`          // one of the constants below; empty for an update
	Generation  string `json:"generation,omitempty"` // for Pin and Publish
	Signature   string `json:"signature,omitempty"`  // for Ignore, Unignore and Confirm
}

// Values of Request.Definitions.
const (
	List     = "list"     // change nothing
	Rollback = "rollback" // pin the previous generation; without the pin, the next update would undo it
	Pin      = "pin"      // pin a generation
	Unpin    = "unpin"    // let updates publish again
	Publish  = "publish"  // publish the generation that is held back
	Ignore   = "ignore"   // disable a signature because of which definitions are held back
	Unignore = "unignore" // enable it again with the next update
	Confirm  = "confirm"  // let all objects be moved that a new signature on trial hits
)

// Listing is the content of the store after a request.
type Listing struct {
	Generations []definitions.Generation `json:"generations"` // the last published first
	Current     string                   `json:"current,omitempty"`
	Since       time.Time                `json:"since,omitzero"` // when Current became the current one, UTC
	Previous    string                   `json:"previous,omitempty"`
	Pinned      string                   `json:"pinned,omitempty"`
	Ignored     []string                 `json:"ignored,omitempty"`  // signatures, by Ignore
	Accepted    []definitions.Detection  `json:"accepted,omitempty"` // with which a generation was published by Publish
	Trials      []trial.Trial            `json:"trials,omitempty"`   // new signatures that hit too many files, of a week
	Status      Status                   `json:"status"`             // of the last run, but with the current Held
}

// Do answers a request. While an update runs, it changes nothing and returns an error, because the
// update could undo the change.
func (u *Updater) Do(ctx context.Context, r Request) (Listing, error) {
	store := definitions.Open(u.Root)
	var err error
	switch r.Definitions {
	case List:
	case Confirm: // changes nothing in the store
		err = u.Trials.Confirm(ctx, r.Signature)
	default:
		err = u.change(store, r)
	}
	if err != nil {
		return Listing{}, fmt.Errorf("%s definitions: %w", r.Definitions, err)
	}
	l := Listing{Status: readStatus(u.Root)}
	if l.Trials, err = u.Trials.List(ctx); err != nil {
		l.Status.warn(fmt.Errorf("which new signatures are on trial is not known: %w", err))
	}
	h, err := store.Held()
	switch {
	case err == nil:
		l.Status.Held = newHold(h)
	case errors.Is(err, definitions.ErrNone):
		l.Status.Held = nil
	default:
		return Listing{}, err
	}
	if l.Ignored, err = ignored(u.Root); err != nil {
		return Listing{}, err
	}
	if l.Accepted, err = readAccepted(u.Root); err != nil {
		return Listing{}, err
	}
	if l.Generations, err = store.List(); err != nil {
		return Listing{}, err
	}
	for _, name := range []struct {
		into *string
		get  func() (definitions.Generation, error)
	}{{&l.Current, store.Current}, {&l.Previous, store.Previous}, {&l.Pinned, store.Pinned}} {
		g, err := name.get()
		if err != nil && !errors.Is(err, definitions.ErrNone) {
			return Listing{}, err
		}
		*name.into = g.Fingerprint
	}
	if l.Current != "" {
		at, _, err := store.Switched()
		if err != nil {
			return Listing{}, err
		}
		l.Since = at.UTC()
	}
	return l, nil
}

// change does a request that changes the store.
func (u *Updater) change(store *definitions.Store, r Request) error {
	if err := os.MkdirAll(u.Root, 0o755); err != nil {
		return err
	}
	unlock, err := lock(u.Root)
	if err != nil {
		return err
	}
	switch r.Definitions {
	case Rollback:
		var g definitions.Generation
		switch g, err = store.Previous(); {
		case err == nil:
			_, err = store.Pin(g.Fingerprint)
		case errors.Is(err, definitions.ErrNone):
			err = errors.New("there is no generation before the current one")
		}
	case Pin:
		err = u.pin(store, r.Generation)
	case Publish:
		err = u.publishHeld(store, r.Generation)
	case Ignore:
		err = u.ignore(store, r.Signature)
	case Unignore:
		err = u.unignore(r.Signature)
	case Unpin:
		err = store.Unpin()
	default:
		err = errors.New("unknown request: want list, rollback, pin, unpin, publish, ignore, unignore or confirm")
	}
	return errors.Join(err, unlock())
}

// pin refuses a generation that is held back. An operator has to decide first about the known-clean
// files that it reports.
func (u *Updater) pin(store *definitions.Store, fingerprint string) error {
	h, err := store.Held()
	if err != nil && !errors.Is(err, definitions.ErrNone) {
		return err
	}
	if err == nil && fingerprint != "" && strings.HasPrefix(h.Generation.Fingerprint, fingerprint) {
		return fmt.Errorf("generation %s is held back: publish it first", h.Generation.Fingerprint)
	}
	_, err = store.Pin(fingerprint)
	return err
}

// publishHeld publishes the generation that is held back. The same detections hold no later generation
// back.
func (u *Updater) publishHeld(store *definitions.Store, fingerprint string) error {
	if _, err := store.Pinned(); err == nil {
		return errors.New("a generation is pinned: unpin it first")
	} else if !errors.Is(err, definitions.ErrNone) {
		return err
	}
	h, err := store.PublishHeld(fingerprint)
	if err != nil {
		return err
	}
	accepted, err := readAccepted(u.Root)
	if err != nil {
		return err
	}
	if err := writeAccepted(u.Root, append(accepted, subtract(h.Detections, accepted)...)); err != nil {
		return err
	}
	s := readStatus(u.Root)
	s.Outcome, s.Detail = freshclam.Updated, "an operator published the generation that was held back"
	s.Published, s.News = true, ""
	if err := u.complete(&s, store); err != nil {
		return err
	}
	return s.write(u.Root)
}
