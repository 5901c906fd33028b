package verify

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sweeps"
)

// checkSweep starts a sweep over the objects of this run that counts them and sends nothing. Its Map state needs
// permissions that only AWS checks.
var checkSweep = Check{
	Name: "sweep", Claim: "a sweep finds the versions below a prefix and reads their tags",
	Needs: []string{"states:StartExecution", "states:DescribeExecution"},
	Run: func(ctx context.Context, r *run) Line {
		machine := r.stack.Outputs["SweepStateMachineArn"]
		if machine == "" {
			return olderStack("SweepStateMachineArn")
		}
		p := r.probes[encrypted] // moved away with QuarantineUnscannable=true alone
		if r.upload(ctx, p); p.err != nil {
			return notChecked("nothing could be uploaded to be found: %v", p.err)
		}
		input, err := json.Marshal(sweep.Request{
			Bucket: p.object.Bucket, Prefix: r.prefix, Question: sweep.All, Versions: true, DryRun: true,
			Purpose: sweep.Reconcile,
		})
		if err != nil {
			return fail("encode the request of a sweep: %v", err)
		}
		out, err := r.sfn.StartExecution(ctx, &sfn.StartExecutionInput{
			StateMachineArn: &machine, Input: aws.String(string(input)), Name: aws.String("lazaret-verify-" + r.id),
		})
		if err != nil {
			return errorLine(ctx, err, "start an execution of "+machine, "states:StartExecution")
		}
		sum, err := sweeps.Follow(ctx, r.sfn, aws.ToString(out.ExecutionArn), func() {})
		if err != nil {
			return errorLine(ctx, err, "follow the sweep", "states:DescribeExecution")
		}
		movesAll := r.stack.threeBuckets() && r.stack.Parameters["QuarantineUnscannable"] == "true"
		return swept(sum, movesAll)
	},
}

// swept returns the line about a sweep that has ended. A stack that moves all objects away may leave none to be found.
func swept(sum sweep.Summary, movesAll bool) Line {
	switch {
	case sum.FailedPages > 0:
		return fail("%d pages of versions could not be looked at: %s", sum.FailedPages, brief(sum.Failure))
	case sum.Refused > 0:
		return fail("the tags of %d versions may not be read by the function sweep: see %s", sum.Refused, sum.Records)
	case sum.Considered == 0 && movesAll:
		return off("BucketLayout=three-bucket with QuarantineUnscannable=true had moved each object of this run away")
	case sum.Considered == 0:
		return fail("it found no version, although this run has uploaded one at least: see %s", sum.Records)
	}
	return pass("it looked at %d versions, and has written %s", sum.Considered, sum.Records)
}
