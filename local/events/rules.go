package events

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/local/template"
)

type ruleInput struct {
	Name, Rule, EventBusName              string // Rule: the name, in operations about targets
	NamePrefix, EventPattern, Description string
	ScheduleExpression, State             string
	Targets                               []target
	Ids                                   []string
}

type ruleOutput struct {
	Name, Arn, EventBusName, EventPattern, State string
	Description                                  string `json:",omitempty"`
}

// find returns a rule by its name. The caller holds the lock.
func (s *Service) find(name, bus string) (*rule, error) {
	bus = busName(bus)
	if !s.hasBus(bus) {
		return nil, &Error{"ResourceNotFoundException", "Event bus " + bus + " does not exist."}
	}
	for _, r := range s.rules {
		if r.Name == name && r.Bus == bus {
			return r, nil
		}
	}
	return nil, &Error{"ResourceNotFoundException", "Rule " + name + " does not exist on EventBus " + bus + "."}
}

// change runs do on the rule that a request names.
func (s *Service) change(in ruleInput, do func(*rule) (any, error)) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.Name+in.Rule, in.EventBusName)
	if err != nil {
		return nil, err
	}
	return do(r)
}

func (s *Service) putRule(_ context.Context, in ruleInput) (any, error) {
	if in.ScheduleExpression != "" || in.EventPattern == "" {
		return nil, invalid("a rule has an EventPattern here; schedules are not supported")
	}
	p, err := compile(json.RawMessage(in.EventPattern))
	if err != nil {
		return nil, &Error{"InvalidEventPatternException", "Event pattern is not valid. Reason: " + err.Error()}
	}
	bus := busName(in.EventBusName)
	if !s.hasBus(bus) {
		return nil, &Error{"ResourceNotFoundException", "Event bus " + bus + " does not exist."}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.Name, bus)
	if err != nil {
		r = &rule{Rule: template.Rule{Name: in.Name, Bus: bus}}
		s.rules = append(s.rules, r)
	}
	r.Pattern, r.pattern, r.err = json.RawMessage(in.EventPattern), p, nil
	r.description, r.disabled = in.Description, in.State == "DISABLED"
	return map[string]string{"RuleArn": ruleARN(r.Rule)}, nil
}

func (r *rule) output() ruleOutput {
	state := "ENABLED"
	if r.disabled {
		state = "DISABLED"
	}
	return ruleOutput{r.Name, ruleARN(r.Rule), r.Bus, string(r.Pattern), state, r.description}
}

func (s *Service) describeRule(_ context.Context, in ruleInput) (any, error) {
	return s.change(in, func(r *rule) (any, error) { return r.output(), nil })
}

func (s *Service) deleteRule(_ context.Context, in ruleInput) (any, error) {
	_, err := s.change(in, func(r *rule) (any, error) {
		if len(r.Targets) > 0 {
			return nil, invalid("Rule can't be deleted since it has targets.")
		}
		s.rules = slices.DeleteFunc(s.rules, func(o *rule) bool { return o == r })
		return nil, nil
	})
	if e, ok := errors.AsType[*Error](err); ok && e.Code == "ResourceNotFoundException" && s.hasBus(busName(in.EventBusName)) {
		return nil, nil // as on AWS: it is gone, which is what was wanted
	}
	return nil, err
}

func (s *Service) listRules(_ context.Context, in ruleInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rules := []ruleOutput{}
	for _, r := range s.rules {
		if r.Bus == busName(in.EventBusName) && strings.HasPrefix(r.Name, in.NamePrefix) {
			rules = append(rules, r.output())
		}
	}
	return map[string]any{"Rules": rules}, nil
}
