package verify

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// stackInfo is CloudFormation's description of the stack, and the caller.
type stackInfo struct {
	Name, Region, Account string
	Caller                string // ARN
	Parameters            map[string]string
	Outputs               map[string]string
}

// describeStack describes the stack. Its parameters include those that have their default.
func describeStack(ctx context.Context, cfg aws.Config, name string) (stackInfo, error) {
	d := stackInfo{Name: name, Region: cfg.Region}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return d, fmt.Errorf("get the caller's identity: %w", err)
	}
	d.Account, d.Caller = aws.ToString(who.Account), aws.ToString(who.Arn)
	described, err := deployment.Describe(ctx, cloudformation.NewFromConfig(cfg), name)
	if err != nil {
		return d, err
	}
	d.Parameters, d.Outputs = described.Parameters, described.Outputs
	for _, wanted := range []string{
		"UploadsBucketName", "QuarantineBucketName", "StateMachineArn", "UploadQueueUrl", "DeadLetterQueueUrl",
		"AlertsTopicArn",
	} {
		if d.Outputs[wanted] == "" {
			return d, fmt.Errorf(
				"describe the stack: it has no output %s, so it is not one of Lazaret, or not made yet (%s)",
				wanted,
				described.Status,
			)
		}
	}
	if d.list("VerifierArns") == nil {
		return d, errors.New("its parameter VerifierArns is empty, so nobody may upload what verifying takes: " +
			"deploy it with the ARN of your role or user in VerifierArns")
	}
	if d.exemptedBy("VerifierArns") == "" {
		return d, fmt.Errorf(
			"you are %s, and its parameter VerifierArns names only %s",
			d.Caller,
			strings.Join(d.list("VerifierArns"), ", "),
		)
	}
	return d, nil
}

func (d stackInfo) uploads() string    { return d.Outputs["UploadsBucketName"] }
func (d stackInfo) quarantine() string { return d.Outputs["QuarantineBucketName"] }
func (d stackInfo) clean() string      { return d.Outputs["CleanBucketName"] } // "" in two-bucket

// executions says where the stack's executions are.
func (d stackInfo) executions() history.Source {
	return history.Source{
		Standard: d.Outputs["StateMachineArn"], Express: d.Outputs["ExpressStateMachineArn"], ExpressLog: d.expressLog(),
	}
}

// expressLog returns the name of the log group of express executions.
func (d stackInfo) expressLog() string { return "/aws/vendedlogs/states/" + d.Name + "-express" }

// inWork returns how many objects the stack works on at once: template.yaml gives dispatch the same number.
func (d stackInfo) inWork() (int, error) {
	n, err := strconv.Atoi(d.Parameters["MaxConcurrentScans"])
	if err != nil {
		return 0, fmt.Errorf("MaxConcurrentScans is %q", d.Parameters["MaxConcurrentScans"])
	}
	if n == 0 {
		n = 2
	}
	return n, nil
}

func (d stackInfo) threeBuckets() bool { return d.Parameters["BucketLayout"] == "three-bucket" }

// list returns the values of a CommaDelimitedList, or nil if it is empty.
func (d stackInfo) list(parameter string) (values []string) {
	for v := range strings.SplitSeq(d.Parameters[parameter], ",") {
		if v = strings.TrimSpace(v); v != "" {
			values = append(values, v)
		}
	}
	return values
}

// function returns the name of one of the stack's functions.
func (d stackInfo) function(short string) string { return d.Name + "-" + short }

// queue returns a queue's name from its URL.
func queue(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

// exemptedBy returns the first of these parameters that names the caller, to whom a policy then does not apply, or "".
// The ARN of an assumed role lacks the role's path, so the role's name decides. That errs towards "not checked".
func (d stackInfo) exemptedBy(parameters ...string) string {
	for _, p := range parameters {
		for _, named := range d.list(p) {
			if deployment.IsCaller(named, d.Caller) {
				return p
			}
		}
	}
	return ""
}
