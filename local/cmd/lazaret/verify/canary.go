package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// canaryOff is the value of CanarySchedule without a canary.
const canaryOff = "off"

var checkCanary = Check{
	Name: "canary", Claim: "the last round of the canary was right",
	Needs: []string{"logs:FilterLogEvents"},
	Run: func(ctx context.Context, r *run) Line {
		schedule := r.stack.Parameters["CanarySchedule"]
		if schedule == canaryOff {
			return off("CanarySchedule=%s", schedule)
		}
		since := time.Now().Add(-canaryOverdue(schedule))
		// The first round of a new stack may not have ended.
		for deadline := time.Now().Add(r.StartWithin); ; time.Sleep(time.Second) {
			last, found, err := r.lastRound(ctx, since)
			switch {
			case err != nil:
				return errorLine(ctx, err, "search the log group of the functions", "logs:FilterLogEvents")
			case found && last.Outcome != "right":
				return fail("its round at %s was %s: %s", last.Time, last.Outcome, brief(last.Detail))
			case found:
				return pass("at %s (%s): %s", last.Time, schedule, brief(last.Detail))
			case time.Now().After(deadline) || ctx.Err() != nil:
				return fail("it has ended no round since %s, on a schedule of %s",
					since.UTC().Format(time.RFC3339), schedule)
			}
		}
	},
}

// canaryRound is the line that the function canary logs at the end of a round.
type canaryRound struct {
	Time    string `json:"time"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
}

// lastRound returns the newest round that has ended.
func (r *run) lastRound(ctx context.Context, since time.Time) (last canaryRound, found bool, err error) {
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(r.logs, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: aws.String("/lazaret/" + r.stack.Name), FilterPattern: aws.String(`"canary round ended"`),
		StartTime: aws.Int64(since.UnixMilli()),
	})
	newest := int64(0)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return last, found, err
		}
		for _, e := range page.Events {
			var round canaryRound
			if err := json.Unmarshal([]byte(aws.ToString(e.Message)), &round); err != nil || round.Outcome == "" {
				continue
			}
			if at := aws.ToInt64(e.Timestamp); at >= newest {
				last, found, newest = round, true, at
			}
		}
	}
	return last, found, nil
}

// canaryOverdue returns how long ago the last round may have ended: two intervals, and one hour for the longest one.
func canaryOverdue(schedule string) time.Duration {
	if strings.HasSuffix(schedule, "minutes)") {
		return 2 * time.Hour
	}
	return overdue(schedule)
}

// canaryStatement is the Sid of the statement that keeps the canary's role among its samples.
const canaryStatement = "CanaryStaysInItsPlace"

var checkCanaryStays = Check{
	Name: "canary-stays", Claim: "the canary's role deletes nothing but its samples",
	Needs: []string{"s3:GetBucketPolicy"},
	Run: func(ctx context.Context, r *run) Line {
		if schedule := r.stack.Parameters["CanarySchedule"]; schedule == canaryOff {
			return off("CanarySchedule=%s", schedule)
		}
		samples := r.stack.Parameters["KeyPrefix"] + ".lazaret/canary/"
		places := map[string]string{r.stack.uploads(): samples, r.stack.quarantine(): "canary/"}
		if r.stack.threeBuckets() {
			places[r.stack.clean()] = samples
		}
		var seen []string
		for bucket, prefix := range places {
			out, err := r.s3.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &bucket})
			switch {
			case isMissing(err):
				return fail("%s has no policy: the canary's role may delete there what its own permissions allow", bucket)
			case err != nil:
				return errorLine(ctx, err, "read the policy of "+bucket, "s3:GetBucketPolicy")
			}
			if wrong := checkCanaryStatement(aws.ToString(out.Policy), bucket, prefix); wrong != "" {
				return fail("the policy of %s %s", bucket, wrong)
			}
			seen = append(seen, fmt.Sprintf("s3://%s/%s", bucket, prefix))
		}
		slices.Sort(seen)
		return pass("policies deny it everywhere but below %s", strings.Join(seen, ", "))
	},
}

// checkCanaryStatement returns what is wrong with the statement in a bucket's policy, and "" if it denies the canary's
// role, and its role only, to delete anything but what has the prefix.
func checkCanaryStatement(policy, bucket, prefix string) (wrong string) {
	var document struct{ Statement []map[string]any }
	if err := json.Unmarshal([]byte(policy), &document); err != nil {
		return fmt.Sprintf("cannot be read: %v", err)
	}
	for _, s := range document.Statement {
		if s["Sid"] != canaryStatement {
			continue
		}
		s, _ = normalize(s).(map[string]any)
		actions, _ := s["Action"].([]any)
		place, _ := s["NotResource"].(string)
		condition, _ := s["Condition"].(map[string]any)
		equals, _ := condition["ArnEquals"].(map[string]any)
		role, _ := equals["aws:PrincipalArn"].(string)
		everybody := s["Principal"] == "*" || reflect.DeepEqual(s["Principal"], map[string]any{"AWS": "*"})
		switch {
		case s["Effect"] != "Deny" || !everybody:
			return "has the statement " + canaryStatement + ", which denies nothing"
		case !slices.Contains(actions, any("s3:DeleteObject")) || !slices.Contains(actions, any("s3:DeleteObjectVersion")):
			return "has the statement " + canaryStatement + ", which does not deny to delete"
		case !strings.HasSuffix(place, ":::"+bucket+"/"+prefix+"*"):
			return fmt.Sprintf("lets the canary's role delete in %s, want %s only", place, prefix)
		case len(condition) != 1 || len(equals) != 1 || !strings.Contains(role, "CanaryFunctionRole"):
			return "has the statement " + canaryStatement + " about somebody else than the canary's role"
		}
		return ""
	}
	return "lacks the statement " + canaryStatement
}
