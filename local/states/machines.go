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

// listStateMachines answers in one page: a template has few machines.
func (s *Service) listStateMachines(page) (any, error) {
	items := []any{}
	for _, m := range s.machines {
		items = append(items, map[string]any{"stateMachineArn": m.ARN, "name": m.Name, "type": "STANDARD", "creationDate": epoch(m.created)})
	}
	return map[string]any{"stateMachines": items}, nil
}

func (s *Service) describeStateMachine(in machineRequest) (any, error) {
	m, err := s.machine(in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"stateMachineArn": m.ARN, "name": m.Name, "type": "STANDARD", "status": "ACTIVE", "creationDate": epoch(m.created),
		"roleArn": m.RoleARN, "definition": string(m.Definition),
	}, nil
}
