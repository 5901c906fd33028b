package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

var checkExistingBuckets = Check{
	Name: "existing-buckets", Claim: "existing buckets announce their uploads and have the policy",
	Needs: []string{"s3:GetBucketPolicy", "s3:GetBucketNotification"},
	Run: func(ctx context.Context, r *run) Line {
		buckets := r.stack.list("ExistingBuckets")
		if buckets == nil {
			return off("ExistingBuckets is empty")
		}
		for _, bucket := range buckets {
			if line := r.checkExisting(ctx, bucket); line.Outcome != Pass {
				return line
			}
		}
		return pass(
			"%s: events go to EventBridge, and the policy has all of the output ExistingBucketPolicy; nothing was uploaded",
			strings.Join(buckets, ", "),
		)
	},
}

func (r *run) checkExisting(ctx context.Context, bucket string) Line {
	notification, err := r.s3.GetBucketNotificationConfiguration(
		ctx,
		&s3.GetBucketNotificationConfigurationInput{Bucket: &bucket},
	)
	if err != nil {
		return errorLine(ctx, err, "read the notifications of "+bucket, "s3:GetBucketNotification")
	}
	if notification.EventBridgeConfiguration == nil {
		return fail("%s sends no events to EventBridge: its uploads are not scanned", bucket)
	}
	out, err := r.s3.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &bucket})
	switch {
	case isMissing(err):
		return fail("%s has no policy: verdicts can be forged there, and objects read before theirs", bucket)
	case err != nil:
		return errorLine(ctx, err, "read the policy of "+bucket, "s3:GetBucketPolicy")
	}
	absent, err := missingStatements(
		aws.ToString(out.Policy),
		strings.ReplaceAll(r.stack.Outputs["ExistingBucketPolicy"], "BUCKET", bucket),
	)
	switch {
	case err != nil:
		return fail("compare the policy of %s with the output ExistingBucketPolicy: %v", bucket, err)
	case len(absent) > 0:
		return fail("the policy of %s lacks, or has otherwise: %s", bucket, strings.Join(absent, ", "))
	}
	return pass("%s", bucket)
}

// missingStatements returns the Sids of the statements that a policy lacks or has in another form.
func missingStatements(policy, statements string) (sids []string, err error) {
	var has struct{ Statement []map[string]any }
	var wanted []map[string]any
	if err := json.Unmarshal([]byte(policy), &has); err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	if err := json.Unmarshal([]byte(statements), &wanted); err != nil {
		return nil, fmt.Errorf("read the output: %w", err)
	}
	if len(wanted) == 0 {
		return nil, fmt.Errorf("the output has no statements")
	}
	for _, w := range wanted {
		found := false
		for _, h := range has.Statement {
			found = found || reflect.DeepEqual(normalize(w), normalize(h))
		}
		if !found {
			sids = append(sids, fmt.Sprint(w["Sid"]))
		}
	}
	return sids, nil
}

// normalize replaces each list of one element by the element, as S3 does in its answers.
func normalize(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for key, value := range v {
			m[key] = normalize(value)
		}
		return m
	case []any:
		if len(v) == 1 {
			return normalize(v[0])
		}
		list := make([]any, len(v))
		for i := range v {
			list[i] = normalize(v[i])
		}
		return list
	}
	return v
}
