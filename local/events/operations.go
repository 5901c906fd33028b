package events

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// maxRequest is 1 MiB of events, which is what PutEvents takes, with every byte escaped, and the rest.
const maxRequest = 8 << 20

func (s *Service) api() http.Handler {
	return api.JSON{
		Version: "1.1", Target: "AWSEvents.", Shapes: "com.amazonaws.eventbridge#", Failure: "InternalException",
		MaxBody: maxRequest,
		Operations: map[string]api.Operation{
			"PutEvents":  api.Decoded(s.putEvents),
			"PutRule":    api.Decoded(s.putRule),
			"PutTargets": api.Decoded(s.putTargets),
		},
	}
}

type eventsInput struct {
	Entries []struct {
		Source, DetailType, Detail, EventBusName string
		Resources                                []string
	}
}

type eventsOutput struct {
	FailedEntryCount int
	Entries          []eventResult
}

type eventResult struct {
	EventId      string `json:",omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

func (s *Service) putEvents(_ *http.Request, in eventsInput) (any, error) {
	if n := len(in.Entries); n < 1 || n > 10 {
		return nil, invalid("1 validation error detected: Value at 'entries' failed to satisfy constraint: " +
			"Member must have length between 1 and 10")
	}
	var out eventsOutput
	return &out, s.store.Update(func(tx *bbolt.Tx) error {
		out = eventsOutput{}
		for _, e := range in.Entries {
			var id string
			err := onDefaultBus(e.EventBusName)
			if err == nil && strings.HasPrefix(e.Source, "aws.") {
				err = api.Refuse("NotAuthorizedForSourceException", "Not authorized for the source.")
			}
			if err == nil {
				detail := json.RawMessage(e.Detail)
				id, err = s.put(tx, Event{Source: e.Source, DetailType: e.DetailType, Detail: detail, Resources: e.Resources})
			}
			result := eventResult{EventId: id}
			if refused, ok := errors.AsType[*api.Error](err); ok {
				out.FailedEntryCount++
				result = eventResult{ErrorCode: refused.Code, ErrorMessage: refused.Message}
			} else if err != nil {
				return err
			}
			out.Entries = append(out.Entries, result)
		}
		return nil
	})
}

// onDefaultBus refuses every other bus, given by its name or ARN.
func onDefaultBus(bus string) error {
	if bus == "" || bus[strings.LastIndex(bus, "/")+1:] == "default" {
		return nil
	}
	return api.Refuse("ResourceNotFoundException", "Event bus %s does not exist.", bus)
}

type ruleInput struct{ Name, EventBusName, EventPattern, ScheduleExpression, State string }

func (s *Service) putRule(_ *http.Request, in ruleInput) (any, error) {
	if in.ScheduleExpression != "" || in.EventPattern == "" || in.State == "DISABLED" {
		return nil, invalid("a rule here is enabled and has an EventPattern; schedules are not supported")
	}
	if _, err := compile(json.RawMessage(in.EventPattern)); err != nil {
		return nil, api.Refuse("InvalidEventPatternException", "Event pattern is not valid. Reason: %v", err)
	}
	if err := onDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	err := s.change(in.Name, func(r *template.Rule) error {
		r.Name, r.Pattern = in.Name, json.RawMessage(in.EventPattern)
		return nil
	})
	return map[string]string{"RuleArn": template.ARN("events", "rule/"+in.Name)}, err
}

type targetsInput struct {
	Rule, EventBusName string
	Targets            []struct {
		Id, Arn, Input              string
		InputPath, InputTransformer any
	}
}

func (s *Service) putTargets(_ *http.Request, in targetsInput) (any, error) {
	if err := onDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	for _, t := range in.Targets {
		isQueue := strings.HasPrefix(t.Arn, template.ARN("sqs", ""))
		if !isQueue || t.InputPath != nil || t.InputTransformer != nil {
			return nil, invalid("target " + t.Id + ": a target here is a queue, and gets the event as it is, or an Input")
		}
		if t.Input != "" && !json.Valid([]byte(t.Input)) {
			return nil, invalid("Parameter Input is not valid JSON for target " + t.Id)
		}
	}
	err := s.change(in.Rule, func(r *template.Rule) error {
		if r.Name == "" {
			return api.Refuse("ResourceNotFoundException", "Rule %s does not exist on EventBus default.", in.Rule)
		}
		for _, t := range in.Targets {
			r.Targets = slices.DeleteFunc(r.Targets, func(o template.Target) bool { return o.ID == t.Id })
			r.Targets = append(r.Targets, template.Target{ID: t.Id, ARN: t.Arn, Input: t.Input})
		}
		return nil
	})
	return map[string]any{"FailedEntryCount": 0, "FailedEntries": []any{}}, err
}

// change changes a rule, or a new one without a name, in the store and on the bus.
func (s *Service) change(name string, change func(r *template.Rule) error) error {
	return s.store.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(storedRules)
		var r template.Rule
		if found, err := store.GetJSON(b, []byte(name), &r); err != nil {
			return err
		} else if !found {
			r = s.rule(name)
		}
		if err := change(&r); err != nil {
			return err
		}
		tx.OnCommit(func() { _ = s.set(r) }) // its pattern was compiled before
		return store.PutJSON(b, []byte(name), r)
	})
}

// rule returns a copy of the rule with that name, an empty one when there is none.
func (s *Service) rule(name string) template.Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		if r.Name == name {
			r.Targets = slices.Clone(r.Targets)
			return r.Rule
		}
	}
	return template.Rule{}
}

func invalid(message string) *api.Error { return api.Refuse("ValidationException", "%s", message) }
