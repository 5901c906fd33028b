// Package events is the part of Amazon EventBridge that the application needs:
// the default bus, whose rules hand matching events to queues, behind the JSON
// 1.1 protocol, and PutTx as a Go method for the other services of the local
// stack, which local/stack.go wires to it. Rules that were made through the API
// are in the stack's store. It knows nothing of other buses, schedules, archives,
// or targets that get anything but the event as it is.
package events

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// Service holds the rules of the bus. It serves the EventBridge API as an
// http.Handler, and all its methods may be called concurrently.
type Service struct {
	store   *store.Store
	deliver func(tx *bbolt.Tx, targetARN, body string) error

	mu    sync.Mutex
	rules []rule
}

// Event is an event on its way to a bus.
type Event struct {
	Source     string
	DetailType string
	Detail     json.RawMessage // a JSON object
	Resources  []string
}

type rule struct {
	template.Rule
	Disabled bool
	pattern  *pattern
}

// Error is an error of the EventBridge API.
type Error struct {
	Code, Message string
}

// Error returns the code and the message, as SDKs print them.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// New returns a service with the given rules and those that the store has under
// other names. Deliver hands a body to the target of that ARN; with an error it
// has changed nothing. A pattern that AWS would not have deployed, or that asks
// for more than is here, is an error.
func New(kept *store.Store, rules []template.Rule, deliver func(tx *bbolt.Tx, targetARN, body string) error) (*Service, error) {
	s := &Service{store: kept, deliver: deliver}
	for _, r := range rules {
		if err := s.set(rule{Rule: r}); err != nil {
			return nil, err
		}
	}
	return s, kept.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(ownRules)
		for _, r := range rules {
			if err == nil {
				err = b.Delete([]byte(r.Name))
			}
		}
		if err != nil {
			return err
		}
		return b.ForEach(func(name, value []byte) error {
			var r rule
			if err := json.Unmarshal(value, &r); err != nil {
				return fmt.Errorf("read rule %s: %w", name, err)
			}
			return s.set(r)
		})
	})
}

// PutTx hands an event to the targets of all rules that match it, as a part of a
// transaction. The error is an *Error for an event that EventBridge would refuse.
// A target that cannot be delivered to is logged and fails nothing: publishers on
// AWS do not hear of it.
func (s *Service) PutTx(tx *bbolt.Tx, e Event) error {
	_, err := s.put(tx, e)
	return err
}

func (s *Service) put(tx *bbolt.Tx, e Event) (id string, err error) {
	wrapped := envelope{
		Version: "0", ID: uuid.NewString(), DetailType: e.DetailType, Source: e.Source,
		Account: template.Account, Region: template.Region, Resources: e.Resources, Detail: e.Detail,
	}
	if wrapped.Resources == nil {
		wrapped.Resources = []string{}
	}
	wrapped.Time = time.Now().UTC().Format(time.RFC3339)
	var detail, decoded map[string]any
	switch {
	case e.Source == "":
		return "", &Error{"InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument."}
	case e.DetailType == "":
		return "", &Error{"InvalidArgument", "Parameter DetailType is not valid. Reason: DetailType is a required argument."}
	case json.Unmarshal(e.Detail, &detail) != nil || detail == nil:
		return "", &Error{"MalformedDetail", "Detail is malformed."}
	}
	event, err := encode(wrapped)
	if err == nil {
		err = json.Unmarshal(event, &decoded)
	}
	if err != nil {
		return "", fmt.Errorf("write event %s: %w", wrapped.ID, err)
	}
	for _, target := range s.matching(decoded) {
		if err := s.deliver(tx, target.ARN, string(event)); err != nil {
			tx.OnCommit(func() {
				slog.Warn("a target did not get an event", "target", target.ARN, "event", wrapped.ID, "error", err)
			})
		}
	}
	return wrapped.ID, nil
}

// matching returns the targets of the rules that an event sets off.
func (s *Service) matching(event map[string]any) []template.Target {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []template.Target
	for _, r := range s.rules {
		if !r.Disabled && r.pattern.match(event) {
			found = append(found, r.Targets...)
		}
	}
	return found
}
