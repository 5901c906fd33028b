package events

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/local/template"
)

type ruleInput struct {
	Name, Rule, EventBusName  string // Rule: the name, in operations about targets
	EventPattern              string
	ScheduleExpression, State string
	Targets                   []target
}

// onDefaultBus refuses every other bus, given by its name or ARN.
func onDefaultBus(bus string) error {
	if bus == "" || bus[strings.LastIndex(bus, "/")+1:] == "default" {
		return nil
	}
	return &Error{"ResourceNotFoundException", "Event bus " + bus + " does not exist."}
}

func (s *Service) index(name string) int {
	return slices.IndexFunc(s.rules, func(r *rule) bool { return r.Name == name })
}

func (s *Service) putRule(_ context.Context, in ruleInput) (any, error) {
	if in.ScheduleExpression != "" || in.EventPattern == "" {
		return nil, invalid("a rule has an EventPattern here; schedules are not supported")
	}
	p, err := compile(json.RawMessage(in.EventPattern))
	if err != nil {
		return nil, &Error{"InvalidEventPatternException", "Event pattern is not valid. Reason: " + err.Error()}
	}
	if err := onDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(in.Name)
	if i < 0 {
		i = len(s.rules)
		s.rules = append(s.rules, &rule{Rule: template.Rule{Name: in.Name}})
	}
	r := s.rules[i]
	r.Pattern, r.pattern, r.disabled = json.RawMessage(in.EventPattern), p, in.State == "DISABLED"
	return map[string]string{"RuleArn": r.arn()}, nil
}

func (r *rule) arn() string {
	return fmt.Sprintf("arn:%s:events:%s:%s:rule/%s", template.Partition, template.Region, template.Account, r.Name)
}

func (s *Service) listRules(_ context.Context, in ruleInput) (any, error) {
	if err := onDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rules := []map[string]string{}
	for _, r := range s.rules {
		state := "ENABLED"
		if r.disabled {
			state = "DISABLED"
		}
		rules = append(rules, map[string]string{
			"Name": r.Name, "Arn": r.arn(), "EventBusName": "default", "EventPattern": string(r.Pattern), "State": state,
		})
	}
	return map[string]any{"Rules": rules}, nil
}
