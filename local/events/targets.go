package events

import (
	"slices"
	"strings"

	"github.com/lazaret/lazaret/local/template"
)

// target is template.Target as the protocol has it. Inputs of its own are refused;
// DeadLetterConfig and RetryPolicy are accepted and change nothing: a delivery here
// fails at once or not at all.
type target struct {
	Id, Arn                            string
	Input, InputPath, InputTransformer any
}

func (s *Service) putTargets(in ruleInput) (any, error) {
	if err := onDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	for _, t := range in.Targets {
		if !strings.HasPrefix(t.Arn, "arn:") || !strings.Contains(t.Arn, ":sqs:") || t.Input != nil || t.InputPath != nil || t.InputTransformer != nil {
			return nil, invalid("target " + t.Id + ": only queues, and only the event as it is, are supported here")
		}
	}
	_, err := s.change(in.Rule, func(r *rule) error {
		if r.Name == "" {
			return &Error{"ResourceNotFoundException", "Rule " + in.Rule + " does not exist on EventBus default."}
		}
		for _, t := range in.Targets {
			r.Targets = slices.DeleteFunc(r.Targets, func(o template.Target) bool { return o.ID == t.Id })
			r.Targets = append(r.Targets, template.Target{ID: t.Id, ARN: t.Arn})
		}
		return nil
	})
	return map[string]any{"FailedEntryCount": 0, "FailedEntries": []any{}}, err
}
