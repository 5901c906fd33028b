package template

import (
	"encoding/json"
	"errors"
)

// ruleResource reads an AWS::Events::Rule.
func (b *builder) ruleResource(r resource, properties map[string]any) error {
	var p struct {
		EventBusName, State string
		EventPattern        json.RawMessage
		Targets             []struct {
			Id, Arn                            string
			Input, InputPath, InputTransformer any
		}
	}
	if err := convert(properties, &p); err != nil {
		return err
	}
	if p.EventPattern == nil || p.EventBusName != "" || p.State == "DISABLED" {
		return errors.New("rules are on the default bus, enabled, and have an EventPattern; others are not supported")
	}
	i, err := b.identify(r.id)
	if err != nil {
		return err
	}
	rule := Rule{Name: i.name, Pattern: p.EventPattern}
	for _, t := range p.Targets {
		if t.Input != nil || t.InputPath != nil || t.InputTransformer != nil {
			return errors.New("a target gets the event as it is; inputs of its own are not supported")
		}
		rule.Targets = append(rule.Targets, Target{ID: t.Id, ARN: t.Arn})
	}
	b.app.Rules = append(b.app.Rules, rule)
	return nil
}
