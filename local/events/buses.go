package events

import (
	"context"
	"strings"
)

type busInput struct{ Name, NamePrefix string }

type busOutput struct{ Name, Arn string }

func (s *Service) describeBus(_ context.Context, in busInput) (any, error) {
	for _, b := range s.buses {
		if b.Name == busName(in.Name) {
			return busOutput{b.Name, b.ARN}, nil
		}
	}
	return nil, &Error{"ResourceNotFoundException", "Event bus " + in.Name + " does not exist."}
}

func (s *Service) listBuses(_ context.Context, in busInput) (any, error) {
	buses := []busOutput{}
	for _, b := range s.buses {
		if strings.HasPrefix(b.Name, in.NamePrefix) {
			buses = append(buses, busOutput{b.Name, b.ARN})
		}
	}
	return map[string]any{"EventBuses": buses}, nil
}
