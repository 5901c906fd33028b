package endtoend

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	buses "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/guardduty"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestGuardDutyEvents: there is one event for each outcome, also for dead letters of the state machine, of executions
// that died and of dispatch, in both workflows; and the tag says the same.
func TestGuardDutyEvents(t *testing.T) {
	t.Parallel()
	for _, workflow := range []string{"STANDARD", "EXPRESS"} {
		t.Run(workflow, func(t *testing.T) {
			t.Parallel()
			m := start(t, "--parameter-overrides",
				"GuardDutyEvents=true GuardDutyTag=true Workflow="+workflow+" BucketLayout=two-bucket")
			m.moveRule(t)
			want := map[string]guardduty.Status{
				"clean": guardduty.NoThreatsFound, "infected": guardduty.ThreatsFound, "locked": guardduty.Unsupported,
				"full": guardduty.Failed, "infected and full": guardduty.ThreatsFound,
			}
			objects := map[string]job.Object{
				"clean":             m.Put(t, "clean", sample.Text("c")),
				"infected":          m.Put(t, "infected", eicar.Bytes()),
				"locked":            m.Put(t, "locked", encryptedZip(t)),
				"full":              m.Put(t, "full", sample.Text("f"), ownTags(10)),
				"infected and full": m.Put(t, "infected and full", eicar.Bytes(), ownTags(10)),
			}
			for _, o := range objects {
				m.Await(t, o)
			}
			// A message with one object and one record that nobody understands.
			broken := objects["clean"]
			event := harness.S3Event(broken).(map[string]any)
			text, err := json.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			var notification struct{ Records []map[string]any }
			if err := json.Unmarshal(text, &notification); err != nil {
				t.Fatal(err)
			}
			unknown := maps.Clone(notification.Records[0])
			unknown["eventName"] = "ObjectMelted"
			m.Send(t, "lazaret-uploads", map[string]any{"Records": []any{notification.Records[0], unknown}})
			// The record that is understood is a duplicate: EXPRESS scans it again, and tells it again.
			events := len(want) + 1
			if workflow == "EXPRESS" {
				events++
			}
			harness.Poll(t, "the event about dispatch's dead letter", func() bool { return m.Depth(t, "moved") == events })
			got, reported := map[string]guardduty.Status{}, false
			for _, e := range m.movedEvents(t) {
				if e.Lazaret.DeadLetter != nil && e.Lazaret.DeadLetter.Error == "NotUnderstood" {
					reported = true
					if e.Object.ObjectKey != "clean" || e.Result.Status != guardduty.Failed {
						t.Errorf("dispatch's dead letter is %+v, want FAILED for its object", e)
					}
					continue
				}
				if e.Object.VersionID != objects[e.Object.ObjectKey].VersionID {
					t.Errorf("the event about %s names version %s", e.Object.ObjectKey, e.Object.VersionID)
				}
				got[e.Object.ObjectKey] = e.Result.Status
			}
			if diff := cmp.Diff(want, got); diff != "" || !reported {
				t.Errorf("dispatch's dead letter has an event: %t; events (-want +got):\n%s", reported, diff)
			}
			if tag := m.Tags(t, objects["clean"])["GuardDutyMalwareScanStatus"]; tag != string(guardduty.NoThreatsFound) {
				t.Errorf("GuardDuty's tag of a clean object is %q", tag)
			}
		})
	}
}

// TestDiedExecutionIsReported aborts an execution while it waits for definitions.
func TestDiedExecutionIsReported(t *testing.T) {
	t.Parallel()
	m := start(t, "--definitions", "none", "--parameter-overrides", "GuardDutyEvents=true")
	m.moveRule(t)
	o := m.Put(t, "late", sample.Text("l"))
	arn := harness.ExecutionARN(job.Job{Object: o})
	harness.Poll(t, "the execution", func() bool {
		_, err := m.SFN.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		return err == nil
	})
	if _, err := m.SFN.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &arn}); err != nil {
		t.Fatal(err)
	}
	harness.Poll(t, "the event", func() bool { return m.Depth(t, "moved") == 1 })
	e := m.movedEvents(t)[0]
	letter := e.Lazaret.DeadLetter
	if e.Object.ObjectKey != "late" || e.Result.Status != guardduty.Failed || letter == nil ||
		letter.Error != "ABORTED" || letter.Execution != arn {
		t.Errorf("the event is %+v, %+v, want FAILED because %s was ABORTED", e, letter, arn)
	}
	m.RemoveWorkFiles(t) // of the execution, whose scan never came
}

// moveRule puts a rule for GuardDuty's event on the bus, with our source, which sends to a queue.
func (m *machine) moveRule(t *testing.T) {
	t.Helper()
	if _, err := m.EventBridge.PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: aws.String("moved"), EventPattern: aws.String(`{"source":["lazaret"],"detail-type":["` + guardduty.DetailType +
			`"],"detail":{"s3ObjectDetails":{"bucketName":["` + harness.Uploads + `"]}}}`),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.EventBridge.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
		Rule: aws.String("moved"), Targets: []buses.Target{{Id: aws.String("q"), Arn: aws.String(m.NewQueue(t, "moved"))}},
	}); err != nil {
		t.Fatal(err)
	}
}

// movedEvents returns the details of the events in that queue, by key.
func (m *machine) movedEvents(t *testing.T) (details []guardduty.Detail) {
	t.Helper()
	for _, body := range m.Bodies(t, "moved") {
		var e struct{ Detail guardduty.Detail }
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatalf("read %s: %v", body, err)
		}
		details = append(details, e.Detail)
	}
	slices.SortFunc(details, func(a, b guardduty.Detail) int {
		return slices.Compare([]byte(a.Object.ObjectKey), []byte(b.Object.ObjectKey))
	})
	return details
}
