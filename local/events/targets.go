package events

import (
	"context"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/local/template"
)

// target is template.Target as the protocol has it. DeadLetterConfig and
// RetryPolicy are accepted and change nothing: a delivery here fails at once or
// not at all.
type target struct {
	Id, Arn          string
	Input            string         `json:",omitempty"`
	InputPath        string         `json:",omitempty"`
	InputTransformer *inputTemplate `json:",omitempty"`
}

type inputTemplate struct {
	InputPathsMap map[string]string `json:",omitempty"`
	InputTemplate string
}

type failedEntries struct {
	FailedEntryCount int
	FailedEntries    []struct{}
}

func (s *Service) putTargets(_ context.Context, in ruleInput) (any, error) {
	for _, t := range in.Targets {
		if !strings.HasPrefix(t.Arn, "arn:") || !strings.Contains(t.Arn, ":sqs:") {
			return nil, invalid("target " + t.Id + ": only queues are supported here")
		}
	}
	return s.change(in, func(r *rule) (any, error) {
		for _, t := range in.Targets {
			added := template.Target{ID: t.Id, ARN: t.Arn, Input: t.Input, InputPath: t.InputPath}
			if x := t.InputTransformer; x != nil {
				added.Template = &template.InputTemplate{Paths: x.InputPathsMap, Template: x.InputTemplate}
			}
			if i := slices.IndexFunc(r.Targets, func(o template.Target) bool { return o.ID == t.Id }); i >= 0 {
				r.Targets[i] = added
			} else {
				r.Targets = append(r.Targets, added)
			}
		}
		return failedEntries{FailedEntries: []struct{}{}}, nil
	})
}

func (s *Service) removeTargets(_ context.Context, in ruleInput) (any, error) {
	return s.change(in, func(r *rule) (any, error) {
		r.Targets = slices.DeleteFunc(r.Targets, func(t template.Target) bool { return slices.Contains(in.Ids, t.ID) })
		return failedEntries{FailedEntries: []struct{}{}}, nil
	})
}

func (s *Service) listTargets(_ context.Context, in ruleInput) (any, error) {
	return s.change(in, func(r *rule) (any, error) {
		targets := []target{}
		for _, t := range r.Targets {
			out := target{Id: t.ID, Arn: t.ARN, Input: t.Input, InputPath: t.InputPath}
			if t.Template != nil {
				out.InputTransformer = &inputTemplate{t.Template.Paths, t.Template.Template}
			}
			targets = append(targets, out)
		}
		return map[string]any{"Targets": targets}, nil
	})
}
