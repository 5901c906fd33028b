// Package events is the part of Amazon EventBridge that the application needs:
// buses whose rules hand matching events to queues, behind the JSON 1.1
// protocol, and Put as a Go method for the other services of the local stack,
// which local/stack.go wires to it. It knows nothing of schedules, archives or
// targets in other accounts.
package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/template"
)

const defaultBus = "default"

// Service holds the buses and their rules. It serves the EventBridge API as an
// http.Handler, and all its methods may be called concurrently.
type Service struct {
	deliver func(ctx context.Context, targetARN, body string) error
	buses   []template.Bus

	mu    sync.Mutex
	rules []*rule
}

// Event is an event on its way to a bus.
type Event struct {
	Source     string
	DetailType string
	Detail     json.RawMessage // a JSON object
	Resources  []string
	Bus        string    // name or ARN; empty for the default bus
	Time       time.Time // zero: now
}

type rule struct {
	template.Rule
	description string
	disabled    bool
	pattern     *pattern
	err         error // why the pattern could not be read
}

// Error is an error of the EventBridge API.
type Error struct {
	Code, Message string
}

// Error returns the code and the message, as SDKs print them.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// New returns a service with the default bus, the given buses and rules.
// Deliver hands a body to the target of that ARN. Check tells whether all rules
// could be read.
func New(rules []template.Rule, buses []template.Bus, deliver func(ctx context.Context, targetARN, body string) error) *Service {
	s := &Service{deliver: deliver, buses: slices.Clone(buses)}
	if !slices.ContainsFunc(buses, func(b template.Bus) bool { return b.Name == defaultBus }) {
		s.buses = append(s.buses, template.Bus{Name: defaultBus, ARN: arn("event-bus/" + defaultBus)})
	}
	for _, r := range rules {
		r.Bus = busName(r.Bus)
		r.Targets = slices.Clone(r.Targets)
		p, err := compile(r.Pattern)
		s.rules = append(s.rules, &rule{Rule: r, pattern: p, err: err})
	}
	return s
}

// Check returns an error for every rule given to New whose pattern cannot be
// read. Such a rule matches nothing; AWS would not have deployed it.
func (s *Service) Check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []error
	for _, r := range s.rules {
		if r.err != nil {
			all = append(all, fmt.Errorf("read rule %s: %w", r.Name, r.err))
		}
	}
	return errors.Join(all...)
}

// Put hands an event to the targets of all rules of its bus that match it. The
// error is an *Error for an event that EventBridge would refuse. A target that
// cannot be delivered to is logged and fails nothing, and so is an unknown bus:
// publishers on AWS do not hear of either.
func (s *Service) Put(ctx context.Context, e Event) error {
	_, err := s.put(ctx, e)
	return err
}

func (s *Service) put(ctx context.Context, e Event) (id string, err error) {
	wrapped := envelope{Version: "0", ID: uuid.NewString(), DetailType: e.DetailType, Source: e.Source,
		Account: template.Account, Region: template.Region, Resources: e.Resources, Detail: e.Detail}
	if wrapped.Resources == nil {
		wrapped.Resources = []string{}
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	wrapped.Time = e.Time.UTC().Format(time.RFC3339)
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
	bus := busName(e.Bus)
	if !s.hasBus(bus) {
		slog.WarnContext(ctx, "an event went to a bus that does not exist", "bus", bus, "event", wrapped.ID)
	}
	for _, r := range s.matching(bus, decoded) {
		for _, t := range r.Targets {
			text, err := body(t, r, event, decoded)
			if err == nil {
				err = s.deliver(ctx, t.ARN, text)
			}
			if err != nil {
				slog.WarnContext(ctx, "a target did not get an event", "rule", r.Name, "target", t.ARN, "event", wrapped.ID, "error", err)
			}
		}
	}
	return wrapped.ID, nil
}

// matching returns copies of the rules that an event sets off, their targets as
// they are now.
func (s *Service) matching(bus string, event map[string]any) []template.Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []template.Rule
	for _, r := range s.rules {
		if r.Bus == bus && !r.disabled && r.pattern != nil && r.pattern.match(event) {
			hit := r.Rule
			hit.Targets = slices.Clone(r.Targets)
			found = append(found, hit)
		}
	}
	return found
}

func (s *Service) hasBus(name string) bool {
	return slices.ContainsFunc(s.buses, func(b template.Bus) bool { return b.Name == name })
}

// busName reads a bus from its name or ARN.
func busName(bus string) string {
	if bus == "" {
		return defaultBus
	}
	return bus[strings.LastIndex(bus, "/")+1:]
}

func arn(resource string) string {
	return fmt.Sprintf("arn:%s:events:%s:%s:%s", template.Partition, template.Region, template.Account, resource)
}

// ruleARN has the bus in it, unless that is the default one.
func ruleARN(r template.Rule) string {
	if r.Bus == defaultBus {
		return arn("rule/" + r.Name)
	}
	return arn("rule/" + r.Bus + "/" + r.Name)
}
