package sweeps

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/sweep"
)

// ended is a machine whose executions have failed with an error.
type ended struct{ name, cause string }

func (ended) StartExecution(
	context.Context, *sfn.StartExecutionInput, ...func(*sfn.Options),
) (*sfn.StartExecutionOutput, error) {
	return nil, errors.New("not called")
}

func (e ended) DescribeExecution(
	context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options),
) (*sfn.DescribeExecutionOutput, error) {
	return &sfn.DescribeExecutionOutput{
		Status: types.ExecutionStatusFailed, Error: &e.name, Cause: aws.String(`{"errorMessage":"` + e.cause + `"}`),
	}, nil
}

// TestFollowSaysWhatIsWrong: an error about the request begins with what is wrong with it.
func TestFollowSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ended
		is   error
		want string
	}{
		{
			ended{"BadJob", "bad job: cannot sweep: bucket b is not one of those that the stack scans: a"},
			sweep.ErrRequest, "cannot sweep: bucket b is not one of those that the stack scans: a",
		},
		{ended{"Transient", "slow down"}, ErrFailed, "the sweep failed: arn FAILED: Transient: slow down"},
	} {
		_, err := Follow(t.Context(), test.ended, "arn", func() {})
		if !errors.Is(err, test.is) || err.Error() != test.want {
			t.Errorf("%+v: got %v, want %q", test.ended, err, test.want)
		}
	}
}
