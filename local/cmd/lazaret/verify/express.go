package verify

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

var checkExpress = Check{
	Name: "express", Claim: "small objects take the EXPRESS state machine, whose log is whole and encrypted",
	Needs: []string{"states:DescribeStateMachine", "logs:DescribeLogGroups", "logs:FilterLogEvents"},
	Run: func(ctx context.Context, r *run) Line {
		if workflow := r.stack.Parameters["Workflow"]; workflow != string(history.Express) {
			return off("Workflow=%s", workflow)
		}
		machine, group := r.stack.Outputs["ExpressStateMachineArn"], r.stack.expressLog()
		if machine == "" {
			return fail("the stack has no output ExpressStateMachineArn, so that every object takes the STANDARD one")
		}
		if line := r.checkExpressMachine(ctx, machine, group); line != nil {
			return *line
		}
		p, line := r.require(ctx, clean)
		if line != nil {
			return *line
		}
		if p.execution.lane != history.Express {
			return fail("the execution of %s is not one of it, but %s; the log of %s says why",
				clean, p.execution.arn, r.stack.function("dispatch"))
		}
		return r.checkExpressLog(ctx, group)
	},
}

// checkExpressMachine returns a line if the state machine is not an EXPRESS one that logs everything to the group.
func (r *run) checkExpressMachine(ctx context.Context, machine, group string) *Line {
	line := func(l Line) *Line { return &l }
	m, err := r.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &machine})
	switch {
	case isMissing(err):
		return line(fail("there is no state machine %s", machine))
	case err != nil:
		return line(errorLine(ctx, err, "describe "+machine, "states:DescribeStateMachine"))
	case m.Type != types.StateMachineTypeExpress:
		return line(fail("%s is of type %s", machine, m.Type))
	}
	logs := m.LoggingConfiguration
	if logs == nil || logs.Level != types.LogLevelAll || !logs.IncludeExecutionData {
		return line(fail("%s does not log every event with its data, so that executions have no histories", machine))
	}
	for _, d := range logs.Destinations {
		if d.CloudWatchLogsLogGroup != nil &&
			strings.HasSuffix(aws.ToString(d.CloudWatchLogsLogGroup.LogGroupArn), ":log-group:"+group+":*") {
			return nil
		}
	}
	return line(fail("%s does not log to %s, where the commands look for executions", machine, group))
}

// checkExpressLog checks that the log group, which holds keys of objects, is encrypted with a key of the stack's own.
func (r *run) checkExpressLog(ctx context.Context, group string) Line {
	const went = "the clean object took it; it logs every event with its data to %s"
	if r.stack.Account == localAccount {
		return notChecked(went+"; the local stack encrypts nothing", group)
	}
	out, err := r.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &group})
	if err != nil {
		line := errorLine(ctx, err, "ask for the key of "+group, "logs:DescribeLogGroups")
		if line.Outcome == NotChecked {
			return notChecked(went+"; %s", group, line.Seen)
		}
		return line
	}
	for _, g := range out.LogGroups {
		if aws.ToString(g.LogGroupName) != group {
			continue
		}
		if aws.ToString(g.KmsKeyId) == "" {
			return fail(went+", which is not encrypted with a key of the stack's own", group)
		}
		return pass(went+", which is encrypted with %s", group, aws.ToString(g.KmsKeyId))
	}
	return fail("there is no log group %s, so that express executions have no histories", group)
}
