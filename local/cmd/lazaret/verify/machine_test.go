package verify_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/verify"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// outcomes of checks, by name.
type outcomes map[string]verify.Outcome

// but are the same outcomes with some changed.
func (o outcomes) but(changes outcomes) outcomes {
	changed := maps.Clone(o)
	maps.Copy(changed, changes)
	return changed
}

// each gives every one of these checks the same outcome.
func each(outcome verify.Outcome, names ...string) outcomes {
	o := outcomes{}
	for _, name := range names {
		o[name] = outcome
	}
	return o
}

// healthy are the outcomes of a stack in which nothing is wrong.
func healthy(parameters map[string]string) outcomes {
	o := outcomes{}
	for _, c := range verify.Checks() {
		o[c.Name] = verify.Pass
	}
	maps.Copy(o, outcomes{
		"existing-buckets": verify.Off,
		"alerts":           verify.Off,
		"clean-shut":       verify.Off,
		"function-promote": verify.Off,
		"express":          verify.Off,
		"canary":           verify.Off,
		"retro-scan":       verify.Off,
		"canary-stays":     verify.Off,
		"forged-guardduty": verify.Off,
		// What the local stack has none of: a schedule, quotas, X-Ray.
		"freshclam":   verify.NotChecked,
		"concurrency": verify.NotChecked,
		"transitions": verify.NotChecked,
		"trace":       verify.NotChecked,
	})
	if parameters["Workflow"] == "EXPRESS" {
		maps.Copy(o, outcomes{"express": verify.NotChecked, "transitions": verify.Off}) // nothing is encrypted here
	}
	if parameters["BucketLayout"] == "three-bucket" {
		maps.Copy(o, each(verify.Pass, "clean-shut", "function-promote"))
	}
	switch parameters["ReadGate"] {
	case "not-infected":
		maps.Copy(o, each(verify.Off, "encrypted", "gate-unjudged"))
	case "off":
		maps.Copy(o, each(verify.Off, "encrypted", "gate-unjudged", "gate-infected"))
	}
	if parameters["CanarySchedule"] != "" {
		maps.Copy(o, each(verify.Pass, "canary", "canary-stays"))
	}
	if parameters["RetroScanSchedule"] != "" {
		o["retro-scan"] = verify.Pass
	}
	if parameters["GuardDutyTag"] == "true" {
		o["forged-guardduty"] = verify.Pass
	}
	if parameters["NewSignatureLimit"] == "0" {
		o["trials"] = verify.Off
	}
	if parameters["AllowCopyInto"] == "true" {
		o["carried-copy"] = verify.Off
	}
	return o
}

// everySixHours is the default schedule of the canary, as one word of --parameter-overrides. Its first round is at the
// start.
const everySixHours = `"rate(6 hours)"`

// everyDay is a schedule, as one word of --parameter-overrides.
const everyDay = `"rate(1 day)"`

// start starts a machine with these parameters.
func start(t *testing.T, parameters map[string]string, flags ...string) *harness.Machine {
	t.Helper()
	flags = append(flags, "--time-scale", "50", "--parameter-overrides", "MaxConcurrentScans=2")
	for name, value := range parameters {
		flags = append(flags, name+"="+value)
	}
	return harness.Start(t, flags...)
}

// startWithin is how long a run waits for the start of an execution. It leaves time to a busy machine.
const startWithin = 40 * time.Second

// run verifies a machine's stack as a caller, and checks what every run leaves.
func run(t *testing.T, m *harness.Machine, who string) verify.Report {
	t.Helper()
	return runWithin(t, m, who, startWithin)
}

func runWithin(t *testing.T, m *harness.Machine, who string, start time.Duration) verify.Report {
	t.Helper()
	report, err := verify.Run(t.Context(), verify.Options{
		Config: m.As(who).Config, Stack: "lazaret", Within: time.Minute, StartWithin: start, JSON: true,
	}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, m)
	return report
}

// expect compares the outcomes of a report.
func expect(t *testing.T, report verify.Report, want outcomes) {
	t.Helper()
	got, seen := outcomes{}, ""
	for _, l := range report.Lines {
		got[l.Check] = l.Outcome
		if l.Outcome != want[l.Check] {
			seen += fmt.Sprintf("\n%s: %s", l.Check, l.Seen)
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s%s", diff, seen)
	}
	failed := slices.Contains(slices.Collect(maps.Values(want)), verify.Fail)
	if report.Wrong != failed || (report.Err() != nil) != failed {
		t.Errorf("wrong is %v, the error %v, want it wrong: %v", report.Wrong, report.Err(), failed)
	}
}

// seen is what the line of a check tells.
func seen(report verify.Report, check string) string {
	for _, l := range report.Lines {
		if l.Check == check {
			return l.Seen
		}
	}
	return ""
}

// nothingLeft checks that no object or copy of a run is in any bucket.
func nothingLeft(t *testing.T, m *harness.Machine) {
	t.Helper()
	for _, bucket := range []string{harness.Uploads, harness.Quarantine, harness.Clean} {
		out, err := m.S3.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &bucket})
		if awsclient.Status(err) == 404 {
			continue // of the other layout
		}
		if err != nil {
			t.Fatalf("list %s: %v", bucket, err)
		}
		for _, v := range out.Versions {
			t.Errorf("s3://%s/%s is left", bucket, *v.Key)
		}
		for _, v := range out.DeleteMarkers {
			t.Errorf("a delete marker of s3://%s/%s is left", bucket, *v.Key)
		}
	}
}

// A stack as it is deployed is green, with each value of the parameters that decide what is
// expected; letters of others stay where they were.
func TestHealthy(t *testing.T) {
	t.Parallel()
	for i, gate := range []string{"clean-only", "not-infected", "off"} {
		for j, layout := range []string{"two-bucket", "three-bucket"} {
			parameters := map[string]string{
				"ReadGate": gate, "BucketLayout": layout,
				"AllowCopyInto": fmt.Sprint((i+j)%2 == 1), "KeyPrefix": []string{"", "in"}[(i+j)%2],
				"RetroScanSchedule": []string{"", everyDay}[(i+j)%2],
				"NewSignatureLimit": []string{"20", "0"}[(i+j)%2], "Workflow": []string{"STANDARD", "EXPRESS"}[j],
			}
			t.Run(fmt.Sprint(parameters), func(t *testing.T) {
				t.Parallel()
				m := start(t, parameters)
				for n := range 13 {
					m.Send(t, harness.DeadLetterQueue, fmt.Sprintf("a letter of others %d", n))
				}
				expect(t, runWithin(t, m, "test", harness.WaitLimit), healthy(parameters))
				out, err := m.SQS.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
					QueueUrl:       aws.String(m.QueueURL(harness.DeadLetterQueue)),
					AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
				})
				if err != nil {
					t.Fatal(err)
				}
				if visible := out.Attributes["ApproximateNumberOfMessages"]; visible != "13" {
					t.Errorf("%s letters are visible, want the 13 of others", visible)
				}
			})
		}
	}
}

// Other parameters, and who calls, decide what can be told.
func TestExpectations(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:iam::000000000000:role/"
	for name, test := range map[string]struct {
		parameters map[string]string
		who        string
		prepare    func(*testing.T, *harness.Machine)
		want       outcomes
	}{
		"unscannable to quarantine": {parameters: map[string]string{"QuarantineUnscannable": "true"}},
		"clean announced":           {parameters: map[string]string{"AnnounceClean": "true"}, want: nil},
		"no alarms": {
			parameters: map[string]string{"AlarmsAndDashboard": "false"}, want: each(verify.Off, "alarms"),
		},
		"no reservation": {
			parameters: map[string]string{"MaxConcurrentScans": "0"}, want: each(verify.Off, "transitions"),
		},
		"mail that nobody confirmed": {
			parameters: map[string]string{"AlertEmail": "night@example.org"}, want: each(verify.Fail, "alerts"),
		},
		"somebody else subscribed": {
			prepare: func(t *testing.T, m *harness.Machine) {
				subscribe(t, m, "arn:aws:sns:us-east-1:000000000000:lazaret-alerts")
			},
			want: each(verify.Pass, "alerts"),
		},
		"a reader whom the gate trusts": {
			parameters: map[string]string{"VerifierArns": arn + "auditor", "TrustedReaderArns": arn + "auditor"}, who: "auditor",
			want: each(verify.NotChecked, "encrypted", "gate-unjudged", "gate-infected"),
		},
		"the reader of quarantine": {
			parameters: map[string]string{"VerifierArns": arn + "analyst", "QuarantineReaderArn": arn + "analyst"},
			who:        "analyst",
			want:       each(verify.NotChecked, "quarantine-shut"),
		},
		"a canary": {parameters: map[string]string{"CanarySchedule": everySixHours, "KeyPrefix": "in/"}},
		"a canary that may delete elsewhere": {
			parameters: map[string]string{"CanarySchedule": everySixHours, "BucketLayout": "three-bucket"},
			prepare: func(t *testing.T, m *harness.Machine) {
				without(t, m, harness.Clean, "CanaryStaysInItsPlace")
			},
			want: each(verify.Fail, "canary-stays"),
		},
		"a canary that fails": {
			parameters: map[string]string{"CanarySchedule": everySixHours},
			prepare: func(t *testing.T, m *harness.Machine) {
				without(t, m, harness.Uploads, "OnlyVerifiersUploadProbes")
				policy(t, m, harness.Uploads, func(all []map[string]any) []map[string]any {
					return append(all, map[string]any{
						"Sid": "NoCanary", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
						"Resource": "arn:aws:s3:::" + harness.Uploads + "/.lazaret/canary/*",
					})
				})
				_, err := m.Lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("lazaret-canary")})
				if err != nil {
					t.Fatal(err)
				}
			},
			want: each(verify.Fail, "canary"),
		},
		"GuardDuty's tag": {parameters: map[string]string{"GuardDutyTag": "true"}},
		"GuardDuty's tag, which anybody writes": {
			parameters: map[string]string{"GuardDutyTag": "true"},
			prepare: func(t *testing.T, m *harness.Machine) {
				policy(t, m, harness.Uploads, func(all []map[string]any) []map[string]any {
					for _, s := range all {
						if s["Sid"] == "OnlyTagWritesVerdicts" {
							s["Condition"].(map[string]any)["ForAnyValue:StringEqualsIgnoreCase"] = map[string]any{
								"s3:RequestObjectTagKeys": "scan-status",
							}
						}
					}
					return all
				})
			},
			want: each(verify.Fail, "forged-guardduty"),
		},
		"an existing bucket without anything": {
			parameters: map[string]string{"ExistingBuckets": "held"},
			prepare:    func(t *testing.T, m *harness.Machine) { m.NewBucket(t, "held") },
			want:       each(verify.Fail, "existing-buckets"),
		},
		"an existing bucket as documented": {
			parameters: map[string]string{"ExistingBuckets": "held"},
			prepare:    func(t *testing.T, m *harness.Machine) { guardExisting(t, m, "held") },
			want:       each(verify.Pass, "existing-buckets"),
		},
		"an existing bucket whose gate is open": {
			parameters: map[string]string{"ExistingBuckets": "held"},
			prepare: func(t *testing.T, m *harness.Machine) {
				guardExisting(t, m, "held")
				without(t, m, "held", "NoReadUnlessClean")
			},
			want: each(verify.Fail, "existing-buckets"),
		},
		// A caller who may nothing at all is refused everywhere: no proof of anything.
		"a caller who may not read": {
			prepare: func(t *testing.T, m *harness.Machine) {
				deny(t, m, harness.Uploads, "s3:GetObject", "s3:GetObjectVersion")
			},
			want: each(verify.NotChecked, "clean", "encrypted", "gate-unjudged", "gate-infected", "forged-copy", "carried-copy"),
		},
		"a caller who may not tag": {
			prepare: func(t *testing.T, m *harness.Machine) {
				deny(t, m, harness.Uploads, "s3:PutObjectTagging", "s3:PutObjectVersionTagging")
			},
			want: each(
				verify.NotChecked,
				"forged-put", "forged-multipart", "forged-form", "forged-tagging", "forged-copy", "carried-copy", "verdict-stays",
			),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t, test.parameters)
			if test.prepare != nil {
				test.prepare(t, m)
			}
			if test.who == "" {
				test.who = "test"
			}
			expect(t, run(t, m, test.who), healthy(test.parameters).but(test.want))
		})
	}
}

// Whatever is broken is named, and what is whole is not.
func TestBroken(t *testing.T) {
	t.Parallel()
	layouts := []string{"two-bucket", "three-bucket"}
	for name, test := range map[string]struct {
		layouts []string // both, when nil
		breaks  func(*testing.T, *harness.Machine)
		within  time.Duration // for an execution to start; the usual when 0
		want    outcomes
		says    map[string]string
	}{
		"the read gate is gone": {
			breaks: func(t *testing.T, m *harness.Machine) { without(t, m, harness.Uploads, "NoReadUnlessClean") },
			want:   each(verify.Fail, "encrypted", "gate-unjudged", "gate-infected"),
			says:   map[string]string{"gate-unjudged": "the read gate is open"},
		},
		"anybody writes verdicts": {
			layouts: layouts[:1],
			breaks:  func(t *testing.T, m *harness.Machine) { without(t, m, harness.Uploads, "OnlyTagWritesVerdicts") },
			want: each(verify.Fail, "forged-put", "forged-multipart", "forged-form", "forged-tagging").but(
				each(verify.NotChecked, "verdict-stays")),
		},
		"anybody changes verdicts": {
			layouts: layouts[:1],
			breaks:  func(t *testing.T, m *harness.Machine) { without(t, m, harness.Uploads, "OnlyTagTouchesJudgedTags") },
			want:    each(verify.Fail, "verdict-stays"),
		},
		"copies come in": {
			layouts: layouts[:1],
			breaks:  func(t *testing.T, m *harness.Machine) { without(t, m, harness.Uploads, "NoCopiesInto") },
			want:    each(verify.Fail, "carried-copy"),
		},
		"quarantine has no policy": {
			layouts: layouts[:1],
			breaks: func(t *testing.T, m *harness.Machine) {
				in := &s3.DeleteBucketPolicyInput{Bucket: aws.String(harness.Quarantine)}
				if _, err := m.S3.DeleteBucketPolicy(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			},
			want: each(verify.Fail, "quarantine-shut"),
		},
		"quarantine can be read": {
			layouts: layouts[:1],
			breaks:  func(t *testing.T, m *harness.Machine) { without(t, m, harness.Quarantine, "OnlyTheNamedRoleReads") },
			want:    each(verify.Fail, "quarantine-shut"),
		},
		"anybody writes to the clean bucket": {
			layouts: layouts[1:],
			breaks:  func(t *testing.T, m *harness.Machine) { without(t, m, harness.Clean, "OnlyPromoteWrites") },
			want:    each(verify.Fail, "clean-shut"),
		},
		"anybody counts trials": {
			layouts: layouts[:1],
			breaks:  func(t *testing.T, m *harness.Machine) { without(t, m, harness.Records, "OnlyQuarantineCountsTrials") },
			want:    each(verify.Fail, "trials"),
			says:    map[string]string{"trials": "forged counts"},
		},
		"anybody decides about contents": {
			layouts: layouts[:1],
			breaks:  func(t *testing.T, m *harness.Machine) { without(t, m, harness.Records, "OnlyReleaseWritesDecisions") },
			want:    each(verify.Fail, "decisions"),
			says:    map[string]string{"decisions": "decides what is CLEAN"},
		},
		"there are no dead letters": {
			breaks: func(t *testing.T, m *harness.Machine) {
				in := &sqs.DeleteQueueInput{QueueUrl: aws.String(m.QueueURL(harness.DeadLetterQueue))}
				if _, err := m.SQS.DeleteQueue(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			},
			want: each(verify.Fail, "poison", "rescans"),
			says: map[string]string{"poison": "there is no queue lazaret-dead-letters"},
		},
		"failures go nowhere": {
			layouts: layouts[:1],
			breaks: func(t *testing.T, m *harness.Machine) {
				if _, err := m.SQS.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
					QueueUrl: aws.String(m.QueueURL(harness.UploadQueue)), Attributes: map[string]string{"RedrivePolicy": ""},
				}); err != nil {
					t.Fatal(err)
				}
			},
			want: each(verify.Fail, "poison"),
			says: map[string]string{"poison": "redrive policy"},
		},
		"failed rescans go nowhere": {
			layouts: layouts[:1],
			breaks: func(t *testing.T, m *harness.Machine) {
				if _, err := m.SQS.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
					QueueUrl: aws.String(m.QueueURL("lazaret-rescans")), Attributes: map[string]string{"RedrivePolicy": ""},
				}); err != nil {
					t.Fatal(err)
				}
			},
			want: each(verify.Fail, "rescans"),
			says: map[string]string{"rescans": "redrive policy"},
		},
		"the last run of freshclam failed": {
			layouts: layouts[:1],
			breaks:  func(t *testing.T, m *harness.Machine) { update(t, m) },
			want:    each(verify.Fail, "freshclam"),
			says:    map[string]string{"freshclam": "unreachable"},
		},
		"uploads are not announced": {
			layouts: layouts[:1],
			breaks:  func(t *testing.T, m *harness.Machine) { m.StopEvents(t) },
			within:  5 * time.Second,
			want: each(verify.Fail, "clean", "eicar", "eicar-zip64", "eicar-mail", "encrypted", "function-dispatch").
				but(each(verify.NotChecked,
					"definitions", "gate-unjudged", "gate-infected", "quarantine-shut", "verdict-stays", "forged-copy", "carried-copy",
					"function-fetch", "function-scan", "function-tag", "function-quarantine", "function-notify")),
			says: map[string]string{"function-dispatch": "no execution was started"},
		},
	} {
		if test.layouts == nil {
			test.layouts = layouts
		}
		for _, layout := range test.layouts {
			t.Run(name+" "+layout, func(t *testing.T) {
				t.Parallel()
				parameters := map[string]string{"BucketLayout": layout}
				m := start(t, parameters)
				test.breaks(t, m)
				report := runWithin(t, m, "test", cmp.Or(test.within, startWithin))
				expect(t, report, healthy(parameters).but(test.want))
				for check, text := range test.says {
					if !strings.Contains(seen(report, check), text) {
						t.Errorf("%s says %q, want %q in it", check, seen(report, check), text)
					}
				}
			})
		}
	}
}

// What only a deployment can break: its functions, its alarms, its permissions.
func TestBrokenDeployment(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		parameters map[string]string
		breaks     func(t *testing.T, root string)
		after      func(*testing.T, *harness.Machine)
		want       outcomes
		says       map[string]string
	}{
		"dispatch makes other permits": {
			breaks: func(t *testing.T, root string) {
				replace(t, root, "template.yaml", "MAX_IN_WORK: !If [ReserveScans, !Ref MaxConcurrentScans, 2]", "MAX_IN_WORK: 7")
			},
			want: each(verify.Fail, "permits"),
			says: map[string]string{"permits": "there must be 2, and were not for 30s: more objects are in work at once"},
		},
		"dispatch does not know the EXPRESS machine": {
			parameters: map[string]string{"Workflow": "EXPRESS"},
			breaks: func(t *testing.T, root string) {
				replace(t, root, "template.yaml", "!If [Express, !Ref ExpressStateMachine, '']", "''")
			},
			want: each(verify.Fail, "express"),
			says: map[string]string{"express": "is not one of it, but arn:aws:states:us-east-1:000000000000:execution:lazaret-scan:"},
		},
		"the EXPRESS machine logs elsewhere": {
			parameters: map[string]string{"Workflow": "EXPRESS"},
			breaks: func(t *testing.T, root string) {
				replace(t, root, "template.yaml", "${AWS::StackName}-express'\n      RetentionInDays", "${AWS::StackName}-other'\n      RetentionInDays")
			},
			want: each(verify.Fail, "clean", "eicar", "eicar-zip64", "eicar-mail", "encrypted", "function-dispatch", "express").
				but(each(verify.NotChecked,
					"definitions", "gate-unjudged", "gate-infected", "quarantine-shut", "verdict-stays", "forged-copy", "carried-copy",
					"function-fetch", "function-scan", "function-tag", "function-quarantine", "function-notify")),
			says: map[string]string{
				"express": "does not log to /aws/vendedlogs/states/lazaret-express",
				"clean":   "or the log group /aws/vendedlogs/states/lazaret-express has lost it",
			},
		},
		"an alarm is missing": {
			breaks: func(t *testing.T, root string) {
				replace(t, root, "infra/observability.yaml", "${Name}-canary'", "${Name}-other'")
			},
			want: each(verify.Fail, "alarms"), says: map[string]string{"alarms": "missing: lazaret-canary"},
		},
		"an alarm rings nowhere": {
			breaks: func(t *testing.T, root string) {
				replace(t, root, "infra/observability.yaml", "AlarmActions: [!Ref AlertsTopicArn]", "AlarmActions: []")
			},
			want: each(verify.Fail, "alarms"), says: map[string]string{"alarms": "lazaret-dead-letters"},
		},
		"tag may not write": {
			after: deposeTag,
			want:  tagFails(), says: map[string]string{"function-tag": "AccessDenied", "clean": "Tag: AccessDenied"},
		},
		"tag fails": {
			breaks: func(t *testing.T, root string) { fails(t, root, "tag") },
			want:   tagFails(), says: map[string]string{"function-tag": "Runtime.ExitError"},
		},
		"sweep fails": {
			breaks: func(t *testing.T, root string) { fails(t, root, "sweep") },
			want:   each(verify.Fail, "sweep"), says: map[string]string{"sweep": "Runtime.ExitError"},
		},
		"freshclam fails, which a retro-scan asks": {
			parameters: map[string]string{"RetroScanSchedule": everyDay},
			breaks:     func(t *testing.T, root string) { fails(t, root, "freshclam") },
			want:       each(verify.Fail, "definitions", "freshclam", "retro-scan"),
			says:       map[string]string{"retro-scan": "Runtime.ExitError"},
		},
		"notify fails": {
			breaks: func(t *testing.T, root string) { fails(t, root, "notify") },
			want: each(verify.Fail, "eicar", "eicar-zip64", "eicar-mail", "encrypted", "function-notify").but(
				each(verify.NotChecked, "quarantine-shut", "verdict-stays")),
			says: map[string]string{"function-notify": "Runtime.ExitError"},
		},
		"quarantine fails": {
			breaks: func(t *testing.T, root string) { fails(t, root, "quarantine") },
			want: each(verify.Fail, "eicar", "eicar-zip64", "eicar-mail", "function-quarantine").but(
				each(verify.NotChecked, "quarantine-shut", "function-notify")),
			says: map[string]string{"function-quarantine": "Runtime.ExitError"},
		},
		"freshclam fails": {
			breaks: func(t *testing.T, root string) { fails(t, root, "freshclam") },
			want:   each(verify.Fail, "definitions", "freshclam"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, flags := application(t)
			if test.breaks != nil {
				test.breaks(t, root)
			}
			m := start(t, test.parameters, flags...)
			if test.after != nil {
				test.after(t, m)
			}
			report := run(t, m, "test")
			expect(t, report, healthy(test.parameters).but(test.want))
			for check, text := range test.says {
				if !strings.Contains(seen(report, check), text) {
					t.Errorf("%s says %q, want %q in it", check, seen(report, check), text)
				}
			}
			m.AwaitIdle(t)
			if left := m.Depth(t, harness.DeadLetterQueue); left != 0 {
				t.Errorf("%d dead letters of the run are left", left)
			}
		})
	}
}

// Without definitions executions wait for hours, which this does not wait for: it says
// so at once, and which of them go on.
func TestNoDefinitions(t *testing.T) {
	t.Parallel()
	m := start(t, nil, "--definitions", "none")
	report := run(t, m, "test")
	expect(
		t,
		report,
		healthy(nil).but(
			each(
				verify.Fail,
				"definitions",
				"clean",
				"eicar",
				"eicar-zip64",
				"eicar-mail",
				"encrypted",
				"function-scan",
			),
		).but(
			each(
				verify.NotChecked,
				"gate-unjudged",
				"gate-infected",
				"quarantine-shut",
				"verdict-stays",
				"forged-copy",
				"carried-copy",
				"function-dispatch", // executions that wait keep both permits
				"function-fetch",
				"function-tag",
				"function-quarantine",
				"function-notify",
			),
		),
	)
	for check, text := range map[string]string{"definitions": "none are published", "clean": "DefinitionsNotReady"} {
		if !strings.Contains(seen(report, check), text) {
			t.Errorf("%s says %q, want %q in it", check, seen(report, check), text)
		}
	}
	if left := strings.Join(report.Left, "; "); !strings.Contains(left, "executions that still run") {
		t.Errorf("left: %s", left)
	}
	for _, name := range m.WorkFiles() { // of executions that wait
		if err := os.RemoveAll(filepath.Join(m.Data, "volume", "lazaret", "work", name)); err != nil {
			t.Error(err)
		}
	}
}

func tagFails() outcomes {
	return each(verify.Fail, "clean", "encrypted", "function-tag").but(each(
		verify.NotChecked,
		"definitions",
		"gate-unjudged",
		"gate-infected",
		"verdict-stays",
		"forged-copy",
		"carried-copy",
		"function-notify",
	))
}

// Who may not upload there is told so, before anybody else sees anything.
func TestCannotStart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		parameters map[string]string
		who, stack string
		want       string
	}{
		"nobody may": {map[string]string{"VerifierArns": ""}, "test", "lazaret", "VerifierArns is empty"},
		"others may": {
			map[string]string{"VerifierArns": "arn:aws:iam::000000000000:role/deployer"},
			"test", "lazaret",
			"names only arn:aws:iam::000000000000:role/deployer",
		},
		"there is no such stack": {nil, "test", "lazarett", "lazarett: no such stack"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := start(t, test.parameters)
			var out strings.Builder
			_, err := verify.Run(
				t.Context(),
				verify.Options{Config: m.As(test.who).Config, Stack: test.stack},
				&out,
				io.Discard,
			)
			if !errors.Is(err, verify.ErrStart) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an ErrStart with %q", err, test.want)
			}
			if out.Len() > 0 {
				t.Errorf("it said: %s", out.String())
			}
			m.AwaitIdle(t)
			nothingLeft(t, m)
		})
	}
}

// Ctrl-C removes what was uploaded, and calls nothing a failure.
func TestStopped(t *testing.T) {
	t.Parallel()
	m := start(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out strings.Builder
	report, err := verify.Run(
		ctx,
		verify.Options{Config: m.As("test").Config, Stack: "lazaret"},
		stopper{&out, stop},
		io.Discard,
	)
	if err != nil || !report.Stopped || report.Wrong {
		t.Fatalf("got %+v and %v, want it stopped and not wrong:\n%s", report, err, out.String())
	}
	m.AwaitIdle(t)
	nothingLeft(t, m)
}

// stopper stops a run when it tells the first pass.
type stopper struct {
	*strings.Builder
	stop func()
}

func (s stopper) Write(b []byte) (int, error) {
	if strings.HasPrefix(string(b), "pass") {
		s.stop()
	}
	return s.Builder.Write(b)
}

// The JSON is one value, whose names programs rely on.
func TestJSON(t *testing.T) {
	t.Parallel()
	m := start(t, nil)
	var out, progress strings.Builder
	report, err := verify.Run(
		t.Context(),
		verify.Options{Config: m.As("test").Config, Stack: "lazaret", JSON: true},
		&out,
		&progress,
	)
	if err != nil {
		t.Fatal(err)
	}
	var read verify.Report
	if err := json.Unmarshal([]byte(out.String()), &read); err != nil {
		t.Fatalf("read %q: %v", out.String(), err)
	}
	if diff := gocmp.Diff(report, read); diff != "" {
		t.Errorf("report (-returned +written):\n%s", diff)
	}
	if !strings.Contains(progress.String(), "Others will see:") || strings.Count(progress.String(), "pass  ") < 20 {
		t.Errorf("it tells of its progress: %s", progress.String())
	}
}
