package events

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// ownRules has the rules that were made or changed through the API, by name.
var ownRules = []byte("events/rules")

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
	return slices.IndexFunc(s.rules, func(r rule) bool { return r.Name == name })
}

func (s *Service) putRule(in ruleInput) (any, error) {
	if in.ScheduleExpression != "" || in.EventPattern == "" {
		return nil, invalid("a rule has an EventPattern here; schedules are not supported")
	}
	if _, err := compile(json.RawMessage(in.EventPattern)); err != nil {
		return nil, &Error{"InvalidEventPatternException", "Event pattern is not valid. Reason: " + err.Error()}
	}
	if err := onDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	r, err := s.change(in.Name, func(r *rule) error {
		r.Name, r.Pattern, r.Disabled = in.Name, json.RawMessage(in.EventPattern), in.State == "DISABLED"
		return nil
	})
	return map[string]string{"RuleArn": r.arn()}, err
}

// change changes a rule, or a new one without a name, in the store and on the
// bus. The store is asked for it first: it is ahead of the bus until a
// transaction is committed.
func (s *Service) change(name string, change func(r *rule) error) (r rule, err error) {
	return r, s.store.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(ownRules)
		r = rule{}
		if found, err := store.GetJSON(b, []byte(name), &r); err != nil {
			return err
		} else if !found {
			r = s.rule(name)
		}
		if err := change(&r); err != nil {
			return err
		}
		changed := r
		tx.OnCommit(func() { _ = s.set(changed) }) // its pattern has been compiled before
		return store.PutJSON(b, []byte(name), r)
	})
}

// rule returns a copy of the rule of that name, an empty one when there is none.
func (s *Service) rule(name string) rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.index(name); i >= 0 {
		r := s.rules[i]
		r.Targets = slices.Clone(r.Targets)
		return r
	}
	return rule{}
}

// set puts a rule on the bus, in the place of one of that name.
func (s *Service) set(r rule) (err error) {
	if r.pattern, err = compile(r.Pattern); err != nil {
		return fmt.Errorf("read rule %s: %w", r.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.index(r.Name); i >= 0 {
		s.rules[i] = r
	} else {
		s.rules = append(s.rules, r)
	}
	return nil
}

func (r rule) arn() string {
	return fmt.Sprintf("arn:%s:events:%s:%s:rule/%s", template.Partition, template.Region, template.Account, r.Name)
}

func (s *Service) listRules(in ruleInput) (any, error) {
	if err := onDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rules := []map[string]string{}
	for _, r := range s.rules {
		state := "ENABLED"
		if r.Disabled {
			state = "DISABLED"
		}
		rules = append(rules, map[string]string{
			"Name": r.Name, "Arn": r.arn(), "EventBusName": "default", "EventPattern": string(r.Pattern), "State": state,
		})
	}
	return map[string]any{"Rules": rules}, nil
}
