package endtoend

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestHistory checks the events of an execution:
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
func TestHistory(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	task := func(name string) []string {
		return []string{
			"TaskStateEntered " + name,
			"TaskScheduled",
			"TaskStarted",
			"TaskSucceeded",
			"TaskStateExited " + name,
		}
	}
	choice := func(name string) []string { return []string{"ChoiceStateEntered " + name, "ChoiceStateExited " + name} }
	list := func(parts ...[]string) (all []string) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for name, test := range map[string]struct {
		own    int
		status types.ExecutionStatus
		want   []string
	}{
		"done": {0, "SUCCEEDED", list([]string{"ExecutionStarted"}, task("Fetch"), task("Scan"), task("Tag"), choice("Route"),
			[]string{"SucceedStateEntered Done", "SucceedStateExited Done", "ExecutionSucceeded"})},
		"dead letter": {10, "FAILED", list([]string{"ExecutionStarted"}, task("Fetch"), task("Scan"),
			[]string{"TaskStateEntered Tag", "TaskScheduled", "TaskStarted", "TaskFailed TagLimit", "TaskStateExited Tag"},
			choice("Untagged"), task("DeadLetter"), choice("Reported"),
			[]string{"FailStateEntered Failed", "ExecutionFailed DeadLettered"})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := m.Put(t, "history/"+name, sample.Text(name), ownTags(test.own))
			r := m.Await(t, o)
			if r.Status != test.status {
				t.Errorf("got status %s, want %s", r.Status, test.status)
			}
			var got []string
			for i, e := range m.events(t, r.ARN) {
				if e.Id != int64(i+1) || e.Timestamp == nil || e.PreviousEventId > int64(i) {
					t.Errorf("event %d: got %+v, want the id %d, a time and an earlier predecessor", i, e, i+1)
				}
				got = append(got, eventText(e))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("history (-want +got):\n%s", diff)
			}
			m.checkExecution(t, o, r)
		})
	}
}

// events returns the history of a STANDARD execution as the API has it.
func (m *machine) events(t *testing.T, arn string) (all []types.HistoryEvent) {
	t.Helper()
	pages := sfn.NewGetExecutionHistoryPaginator(m.SFN, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatalf("read the history of %s: %v", arn, err)
		}
		all = append(all, page.Events...)
	}
	return all
}

// eventText returns an event's type and the name of its state or error.
func eventText(e types.HistoryEvent) string {
	name := ""
	switch {
	case e.StateEnteredEventDetails != nil:
		name = aws.ToString(e.StateEnteredEventDetails.Name)
	case e.StateExitedEventDetails != nil:
		name = aws.ToString(e.StateExitedEventDetails.Name)
	case e.TaskFailedEventDetails != nil:
		name = aws.ToString(e.TaskFailedEventDetails.Error)
	case e.ExecutionFailedEventDetails != nil:
		name = aws.ToString(e.ExecutionFailedEventDetails.Error)
	}
	if name == "" {
		return string(e.Type)
	}
	return fmt.Sprintf("%s %s", e.Type, name)
}

// checkExecution checks what DescribeExecution returns.
func (m *machine) checkExecution(t *testing.T, o job.Object, r harness.Result) {
	t.Helper()
	out, err := m.SFN.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &r.ARN})
	if err != nil {
		t.Fatal(err)
	}
	var input job.Job
	if err := json.Unmarshal([]byte(aws.ToString(out.Input)), &input); err != nil {
		t.Fatalf("decode the input %s: %v", aws.ToString(out.Input), err)
	}
	o.Sequencer = input.Object.Sequencer
	if diff := cmp.Diff(job.Job{Version: job.Version, Object: o}, input); diff != "" || o.Sequencer == "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
	if aws.ToString(out.StateMachineArn) != harness.ScanMachine || out.StartDate == nil || out.StopDate == nil ||
		out.StopDate.Before(*out.StartDate) {
		t.Errorf("got execution %+v, want one of %s with start and end", out, harness.ScanMachine)
	}
	if r.Status == types.ExecutionStatusFailed &&
		(aws.ToString(out.Error) != "DeadLettered" || aws.ToString(out.Cause) == "") {
		t.Errorf(
			"got error %q, cause %q, want DeadLettered and a cause",
			aws.ToString(out.Error),
			aws.ToString(out.Cause),
		)
	}
}
