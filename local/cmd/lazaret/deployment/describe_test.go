package deployment_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

type fakeStacks func() ([]types.Stack, error)

func (f fakeStacks) DescribeStacks(
	context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options),
) (*cloudformation.DescribeStacksOutput, error) {
	stacks, err := f()
	return &cloudformation.DescribeStacksOutput{Stacks: stacks}, err
}

// TestDescribeNoSuchStack has CloudFormation's answer about a stack that is not there.
func TestDescribeNoSuchStack(t *testing.T) {
	t.Parallel()
	_, err := deployment.Describe(t.Context(), fakeStacks(func() ([]types.Stack, error) {
		return nil, &smithy.GenericAPIError{Code: "ValidationError", Message: "Stack with id av does not exist"}
	}), "av")
	if !errors.Is(err, deployment.ErrNotFound) {
		t.Errorf("Describe() = %v, want ErrNotFound", err)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	got, err := deployment.Describe(t.Context(), fakeStacks(func() ([]types.Stack, error) {
		return []types.Stack{{
			StackStatus: types.StackStatusUpdateComplete,
			Parameters:  []types.Parameter{{ParameterKey: aws.String("ReadGate"), ParameterValue: aws.String("off")}},
			Outputs:     []types.Output{{OutputKey: aws.String("A"), OutputValue: aws.String("b")}},
		}}, nil
	}), "av")
	want := deployment.Description{
		Status: "UPDATE_COMPLETE", Parameters: map[string]string{"ReadGate": "off"}, Outputs: map[string]string{"A": "b"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Describe() (-want +got):\n%s%v", diff, err)
	}
	for name, stacks := range map[string]fakeStacks{
		"refused": func() ([]types.Stack, error) { return nil, errors.New("AccessDenied") },
		"none":    func() ([]types.Stack, error) { return nil, nil },
	} {
		if _, err := deployment.Describe(t.Context(), stacks, "av"); err == nil || errors.Is(err, deployment.ErrNotFound) {
			t.Errorf("%s: Describe() = %v, want an error, and not ErrNotFound", name, err)
		}
	}
}
