package refresh

import (
	"errors"
	"fmt"
	"os"

	"github.com/lazaret/lazaret/internal/definitions"
)

// Request is what an operator asks of the freshclam function. Any other event,
// the schedule's among them, is a request for an update.
type Request struct {
	Definitions string `json:"definitions"`          // List, Rollback, Pin, Unpin; empty is an update
	Generation  string `json:"generation,omitempty"` // for Pin
}

// What can be requested.
const (
	List     = "list"     // change nothing
	Rollback = "rollback" // pin the previous generation: unpinned, the next update would undo it
	Pin      = "pin"      // pin a generation that is there
	Unpin    = "unpin"    // let updates go on
)

// Listing is the store after a request.
type Listing struct {
	Generations []definitions.Generation `json:"generations"` // the youngest first
	Current     string                   `json:"current,omitempty"`
	Previous    string                   `json:"previous,omitempty"`
	Pinned      string                   `json:"pinned,omitempty"`
	Status      Status                   `json:"status"` // of the last run
}

// Do answers a request. While an update is at work it changes nothing and says
// so: the update would have the last word.
func (u *Updater) Do(r Request) (Listing, error) {
	store := definitions.Open(u.Root)
	if r.Definitions != List {
		if err := u.change(store, r); err != nil {
			return Listing{}, fmt.Errorf("%s definitions: %w", r.Definitions, err)
		}
	}
	l := Listing{Status: readStatus(u.Root)}
	var err error
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
	return l, nil
}

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
		_, err = store.Pin(r.Generation)
	case Unpin:
		err = store.Unpin()
	default:
		err = errors.New("only list, rollback, pin and unpin can be requested")
	}
	return errors.Join(err, unlock())
}
