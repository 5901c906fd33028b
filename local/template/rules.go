package template

import (
	"cmp"
	"encoding/json"
	"errors"
)

// ruleResource reads an AWS::Events::Rule. A disabled rule is left out.
func (b *builder) ruleResource(r resource, properties map[string]any) error {
	var p struct {
		EventBusName, State, ScheduleExpression string
		EventPattern                            json.RawMessage
		Targets                                 []struct {
			Id, Arn, InputPath string
			Input              text
			InputTransformer   *struct {
				InputPathsMap map[string]string
				InputTemplate string
			}
		}
	}
	if err := convert(properties, &p); err != nil {
		return err
	}
	if p.State == "DISABLED" {
		return nil
	}
	if p.EventPattern == nil {
		return errors.New("rules without an EventPattern are not supported")
	}
	i, err := b.identify(r.id)
	if err != nil {
		return err
	}
	rule := Rule{Name: i.name, Bus: cmp.Or(p.EventBusName, "default"), Pattern: p.EventPattern}
	for _, t := range p.Targets {
		target := Target{ID: t.Id, ARN: t.Arn, Input: string(t.Input), InputPath: t.InputPath}
		if t.InputTransformer != nil {
			target.Template = &InputTemplate{Paths: t.InputTransformer.InputPathsMap, Template: t.InputTransformer.InputTemplate}
		}
		rule.Targets = append(rule.Targets, target)
	}
	b.app.Rules = append(b.app.Rules, rule)
	return nil
}

// bus reads an AWS::Events::EventBus.
func (b *builder) bus(r resource, _ map[string]any) error {
	i, err := b.identify(r.id)
	b.app.Buses = append(b.app.Buses, Bus{Name: i.name, ARN: i.attributes["Arn"]})
	return err
}
