package history

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// CountRunning returns how many STANDARD executions run, or a number of at least most if there are more. Step Functions
// answers a little late.
func (r *Reader) CountRunning(ctx context.Context, most int) (n int, err error) {
	pages := sfn.NewListExecutionsPaginator(r.states, &sfn.ListExecutionsInput{
		StateMachineArn: &r.source.Standard, StatusFilter: types.ExecutionStatusRunning, MaxResults: 1000,
	})
	for pages.HasMorePages() && n < most {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return n, standardError(err, "list the executions of "+r.source.Standard, "states:ListExecutions")
		}
		n += len(page.Executions)
	}
	return n, nil
}
