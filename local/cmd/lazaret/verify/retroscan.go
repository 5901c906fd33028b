package verify

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sweeps"
)

// checkRetroScan runs a retro-scan over the objects of this run that counts them and sends nothing: all that a run of
// the schedule does before it sends, the question to freshclam included, which only the machine's role may ask.
var checkRetroScan = Check{
	Name: "retro-scan", Claim: "what older definitions called CLEAN is looked for on a schedule",
	Needs: []string{"states:StartExecution", "states:DescribeExecution"},
	Run: func(ctx context.Context, r *run) Line {
		if r.stack.Parameters["RetroScanSchedule"] == "" {
			return off("RetroScanSchedule is empty")
		}
		machine := r.stack.Outputs["SweepStateMachineArn"]
		if machine == "" {
			return olderStack("SweepStateMachineArn")
		}
		input, err := json.Marshal(sweep.Request{
			Bucket: r.stack.uploads(), Prefix: r.prefix, Question: sweep.Stale, Verdict: job.Clean, Versions: true,
			Budget: 1, DryRun: true, Purpose: sweep.Retro,
		})
		if err != nil {
			return fail("encode the request of a retro-scan: %v", err)
		}
		out, err := r.sfn.StartExecution(ctx, &sfn.StartExecutionInput{
			StateMachineArn: &machine, Input: aws.String(string(input)), Name: aws.String("lazaret-verify-retro-" + r.id),
		})
		if err != nil {
			return errorLine(ctx, err, "start an execution of "+machine, "states:StartExecution")
		}
		sum, err := sweeps.Follow(ctx, r.sfn, aws.ToString(out.ExecutionArn), func() {})
		if err != nil {
			return errorLine(ctx, err, "follow the retro-scan", "states:DescribeExecution")
		}
		return retroScanned(sum, r.stack.Parameters["RetroScanSchedule"])
	},
}

// retroScanned returns the line about a retro-scan that has ended.
func retroScanned(sum sweep.Summary, schedule string) Line {
	switch {
	case sum.FailedPages > 0:
		return fail("%d pages of versions could not be looked at: %s", sum.FailedPages, brief(sum.Failure))
	case sum.Refused > 0:
		return fail("the tags of %d versions may not be read by the function sweep: see %s", sum.Refused, sum.Records)
	case sum.Sent > 0:
		return fail("it has sent %d versions, although it was to count them only: see %s", sum.Sent, sum.Records)
	}
	return pass("it compares verdicts with the definitions in use, daily %d; %s", sum.Definitions, schedule)
}
