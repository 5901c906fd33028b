package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// deployed is what CloudFormation says of the stack, and who asks.
type deployed struct {
	Name, Region, Account string
	Caller                string // ARN
	Parameters            map[string]string
	Outputs               map[string]string
}

// describe asks for the stack. Every parameter is in it, defaults included.
func describe(ctx context.Context, cfg aws.Config, name string) (deployed, error) {
	d := deployed{Name: name, Region: cfg.Region, Parameters: map[string]string{}, Outputs: map[string]string{}}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return d, fmt.Errorf("ask who calls: %w", err)
	}
	d.Account, d.Caller = aws.ToString(who.Account), aws.ToString(who.Arn)
	out, err := cloudformation.NewFromConfig(
		cfg,
	).DescribeStacks(
		ctx,
		&cloudformation.DescribeStacksInput{StackName: &name},
	)
	if err != nil {
		return d, fmt.Errorf("describe the stack: %w", err)
	}
	if len(out.Stacks) != 1 {
		return d, fmt.Errorf("describe the stack: %d stacks are called so", len(out.Stacks))
	}
	for _, p := range out.Stacks[0].Parameters {
		d.Parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	for _, o := range out.Stacks[0].Outputs {
		d.Outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	for _, wanted := range []string{
		"UploadsBucketName", "QuarantineBucketName", "StateMachineArn", "UploadQueueUrl", "DeadLetterQueueUrl", "AlertsTopicArn",
	} {
		if d.Outputs[wanted] == "" {
			return d, fmt.Errorf(
				"describe the stack: it has no output %s, so it is not one of Lazaret, or not made yet (%s)",
				wanted,
				out.Stacks[0].StackStatus,
			)
		}
	}
	if d.list("VerifierArns") == nil {
		return d, errors.New("its parameter VerifierArns is empty, so nobody may upload what verifying takes: " +
			"deploy it with the ARN of your role or user in VerifierArns")
	}
	if d.exempt("VerifierArns") == "" {
		return d, fmt.Errorf(
			"you are %s, and its parameter VerifierArns names only %s",
			d.Caller,
			strings.Join(d.list("VerifierArns"), ", "),
		)
	}
	return d, nil
}

func (d deployed) uploads() string    { return d.Outputs["UploadsBucketName"] }
func (d deployed) quarantine() string { return d.Outputs["QuarantineBucketName"] }
func (d deployed) clean() string      { return d.Outputs["CleanBucketName"] } // "" in two-bucket

func (d deployed) threeBuckets() bool { return d.Parameters["BucketLayout"] == "three-bucket" }

// list is the value of a CommaDelimitedList, nil when it is empty.
func (d deployed) list(parameter string) (values []string) {
	for v := range strings.SplitSeq(d.Parameters[parameter], ",") {
		if v = strings.TrimSpace(v); v != "" {
			values = append(values, v)
		}
	}
	return values
}

// function is the name of one of the stack's functions.
func (d deployed) function(short string) string { return d.Name + "-" + short }

// queue is a queue's name out of its address.
func queue(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }

// exempt returns the parameter that names the caller as one whom a policy does not
// concern, "" when none does. The ARN of an assumed role leaves out the role's
// path, so that the name decides: that errs towards "not checked".
func (d deployed) exempt(parameters ...string) string {
	for _, p := range parameters {
		for _, named := range d.list(p) {
			if named == d.Caller || sameRole(named, d.Caller) {
				return p
			}
		}
	}
	return ""
}

// sameRole compares arn:aws:iam::1:role/path/name with arn:aws:sts::1:assumed-role/name/session.
func sameRole(role, session string) bool {
	a, errA := arn.Parse(role)
	b, errB := arn.Parse(session)
	if errA != nil || errB != nil || a.AccountID != b.AccountID {
		return false
	}
	parts := strings.Split(b.Resource, "/")
	return strings.HasPrefix(a.Resource, "role/") && len(parts) > 1 && parts[0] == "assumed-role" &&
		a.Resource[strings.LastIndexByte(a.Resource, '/')+1:] == parts[1]
}
