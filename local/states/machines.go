package states

import "strings"

type machineRequest struct {
	StateMachineARN string `json:"stateMachineArn"`
}

func (s *Service) machine(arn string) (*machine, error) {
	if !strings.HasPrefix(arn, "arn:aws:states:") || strings.Count(arn, ":") != 6 {
		return nil, refuse("InvalidArn", "Invalid Arn: '%s'", arn)
	}
	for _, m := range s.machines {
		if m.ARN == arn {
			return m, nil
		}
	}
	return nil, refuse("StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", arn)
}

func (s *Service) listStateMachines(in page) (any, error) {
	from, to, next, err := in.cut(len(s.machines), "machines")
	if err != nil {
		return nil, err
	}
	items := []any{}
	for _, m := range s.machines[from:to] {
		items = append(items, map[string]any{"stateMachineArn": m.ARN, "name": m.Name, "type": "STANDARD", "creationDate": epoch(m.created)})
	}
	return paged("stateMachines", items, next), nil
}

func (s *Service) describeStateMachine(in machineRequest) (any, error) {
	m, err := s.machine(in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	out := m.description()
	out["status"], out["type"], out["creationDate"] = "ACTIVE", "STANDARD", epoch(m.created)
	return out, nil
}

func (s *Service) describeStateMachineForExecution(in executionRequest) (any, error) {
	x, err := s.execution(in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	out := x.machine.description()
	out["updateDate"] = epoch(x.machine.created)
	return out, nil
}

func (m *machine) description() map[string]any {
	return map[string]any{
		"stateMachineArn": m.ARN, "name": m.Name, "definition": string(m.Definition), "roleArn": m.RoleARN,
		"loggingConfiguration": map[string]any{"level": "OFF", "includeExecutionData": false},
		"tracingConfiguration": map[string]any{"enabled": false},
	}
}

// listTagsForResource answers that there are none: the model has no tags.
func (s *Service) listTagsForResource(in struct {
	ResourceARN string `json:"resourceArn"`
}) (any, error) {
	if _, err := s.machine(in.ResourceARN); err != nil {
		return nil, err
	}
	return map[string]any{"tags": []any{}}, nil
}
