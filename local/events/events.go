// Package events is the part of Amazon EventBridge that the application and its tests use: the default bus, whose rules
// hand matching events to queues and topics, behind the JSON 1.1 protocol, and PutTx as a Go method for the other
// services of the local stack. Rules that were made through the API are in the stack's store. There are no other buses,
// schedules or archives, and a target gets the event as it is, or its own constant input.
package events

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// Deliver hands a body to the target with that ARN, as a part of a transaction. With an error it has changed nothing.
type Deliver func(tx *bbolt.Tx, targetARN, body string) error

// Service holds the rules of the bus. It serves the EventBridge API, and its methods may be called concurrently.
type Service struct {
	http.Handler
	store   *store.Store
	deliver Deliver

	mu    sync.Mutex
	rules []rule
}

// Event is an event on its way to the bus.
type Event struct {
	Source     string
	DetailType string
	Detail     json.RawMessage // a JSON object
	Resources  []string
}

type rule struct {
	template.Rule
	matches matcher
}

// envelope is an event as rules and targets see it.
type envelope struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       string          `json:"time"` // RFC 3339, whole seconds
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail,omitempty"`
}

// storedRules has the rules that were made through the API, by name.
var storedRules = []byte("events/rules")

// New returns a service with the given rules, and with those rules of the store that have other names. It refuses a
// pattern that EventBridge would refuse, or that this package does not know.
func New(kept *store.Store, rules []template.Rule, deliver Deliver) (*Service, error) {
	s := &Service{store: kept, deliver: deliver}
	s.Handler = s.api()
	return s, kept.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(storedRules)
		if err != nil {
			return err
		}
		for _, r := range rules {
			if err := s.set(r); err != nil {
				return err
			}
			if err := b.Delete([]byte(r.Name)); err != nil {
				return err
			}
		}
		return b.ForEach(func(name, value []byte) error {
			var r template.Rule
			if err := json.Unmarshal(value, &r); err != nil {
				return fmt.Errorf("read rule %s: %w", name, err)
			}
			return s.set(r)
		})
	})
}

// set puts a rule on the bus, in the place of a rule with that name.
func (s *Service) set(r template.Rule) error {
	matches, err := compile(r.Pattern)
	if err != nil {
		return fmt.Errorf("read rule %s: %w", r.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = slices.DeleteFunc(s.rules, func(other rule) bool { return other.Name == r.Name })
	s.rules = append(s.rules, rule{Rule: r, matches: matches})
	return nil
}

// PutTx hands an event to the targets of all rules that match it, as a part of a transaction. The error is an
// *api.Error for an event that EventBridge refuses. A target that cannot be delivered to is logged and fails nothing,
// because AWS tells the sender nothing of it.
func (s *Service) PutTx(tx *bbolt.Tx, e Event) error {
	_, err := s.put(tx, e)
	return err
}

func (s *Service) put(tx *bbolt.Tx, e Event) (id string, err error) {
	var detail map[string]any
	switch {
	case e.Source == "":
		return "", required("Source")
	case e.DetailType == "":
		return "", required("DetailType")
	case json.Unmarshal(e.Detail, &detail) != nil || detail == nil:
		return "", api.Refuse("MalformedDetail", "Detail is malformed.")
	}
	wrapped := envelope{
		Version: "0", ID: uuid.NewString(), Time: time.Now().UTC().Format(time.RFC3339),
		Account: template.Account, Region: template.Region,
		Source: e.Source, DetailType: e.DetailType, Detail: e.Detail,
		Resources: append([]string{}, e.Resources...), // [] and not null
	}
	targets := s.targets(wrapped.decoded(detail))
	if len(targets) == 0 {
		return wrapped.ID, nil // most events are for nobody
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // keys with < or & stay readable in a queue
	if err := encoder.Encode(wrapped); err != nil {
		return "", fmt.Errorf("write event %s: %w", wrapped.ID, err)
	}
	body := string(bytes.TrimSpace(text.Bytes()))
	for _, target := range targets {
		if err := s.deliver(tx, target.ARN, cmp.Or(target.Input, body)); err != nil {
			tx.OnCommit(func() { slog.Warn("deliver event", "target", target.ARN, "event", wrapped.ID, "error", err) })
		}
	}
	return wrapped.ID, nil
}

// decoded returns what decoding the JSON of the event returns; detail is its decoded detail.
func (e envelope) decoded(detail map[string]any) map[string]any {
	resources := make([]any, len(e.Resources))
	for i, r := range e.Resources {
		resources[i] = r
	}
	return map[string]any{
		"version": e.Version, "id": e.ID, "detail-type": e.DetailType, "source": e.Source, "account": e.Account,
		"time": e.Time, "region": e.Region, "resources": resources, "detail": detail,
	}
}

func required(name string) *api.Error {
	return api.Refuse("InvalidArgument", "Parameter %s is not valid. Reason: %s is a required argument.", name, name)
}

// targets returns the targets of the rules that match an event.
func (s *Service) targets(event map[string]any) (targets []template.Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		if !r.matches(event) {
			continue
		}
		targets = append(targets, r.Targets...)
	}
	return targets
}
