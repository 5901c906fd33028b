package verify

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// attributes is the answer of SQS about a queue.
func attributes(free, held int) string {
	return fmt.Sprintf(`{"Attributes":{"ApproximateNumberOfMessages":"%d","ApproximateNumberOfMessagesNotVisible":"%d",`+
		`"QueueArn":"arn:aws:sqs:eu-central-1:123456789012:ward-dead-letters",`+
		`"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-central-1:123456789012:ward-dead-letters\"}"}}`, free, held)
}

// executions is the answer of Step Functions to ListExecutions, with n running ones.
func executions(n int) string {
	return `{"executions":[` + strings.TrimSuffix(strings.Repeat(`{"executionArn":"a","name":"n","status":"RUNNING"},`, n), ",") + `]}`
}

func TestPermits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		wanted, queue, running string
		want                   Outcome
		seen                   string
	}{
		"idle":                 {"20", attributes(20, 0), executions(0), Pass, "20: 20 free, 0 held by ward-dispatch, 0 with running"},
		"busy":                 {"20", attributes(3, 5), executions(12), Pass, "20: 3 free, 5 held"},
		"two where 0 is given": {"0", attributes(1, 0), executions(1), Pass, "2: 1 free"},
		"too few":              {"20", attributes(3, 5), executions(11), Fail, "19: 3 free, 5 held by ward-dispatch, 11 with running executions; but there must be 20, and were not for 200ms: uploads wait although engines are free"},
		"too many":             {"20", attributes(21, 0), executions(0), Fail, "more objects are in work at once than MaxConcurrentScans allows"},
		"none":                 {"20", attributes(0, 0), executions(0), Fail, "schedule ward-permits"},
		"no queue":             {"20", "400!QueueDoesNotExist", "", Fail, "there is no queue ward-permits"},
		"may not look":         {"20", "403!AccessDeniedException", "", NotChecked, "sqs:GetQueueAttributes"},
		"may not count":        {"20", attributes(20, 0), "403!AccessDeniedException", NotChecked, "states:ListExecutions"},
		"no number":            {"many", attributes(20, 0), executions(0), Fail, `MaxConcurrentScans is "many"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answering(
				t,
				map[string]string{"MaxConcurrentScans": test.wanted},
				map[string]string{"GetQueueAttributes": test.queue, "ListExecutions": test.running},
			)
			r.permitsWithin = 200 * time.Millisecond
			told(t, checkPermits.Run(t.Context(), r), test.want, test.seen)
		})
	}
}

// TestOlderStack checks the lines about a stack that has none of the new queues and says so.
func TestOlderStack(t *testing.T) {
	t.Parallel()
	r := answering(t, map[string]string{"MaxConcurrentScans": "20", "Workflow": "EXPRESS"}, nil)
	clear(r.stack.Outputs)
	told(t, checkPermits.Run(t.Context(), r), Fail, "no output PermitQueueUrl")
	told(t, checkRescans.Run(t.Context(), r), Fail, "no output RescanQueueUrl")
	told(t, checkExpress.Run(t.Context(), r), Fail, "no output ExpressStateMachineArn")
	told(t, checkSweep.Run(t.Context(), r), Fail, "no output SweepStateMachineArn")
}

func TestRescans(t *testing.T) {
	t.Parallel()
	mapping := func(arn, state string) string {
		return fmt.Sprintf(`{"EventSourceMappings":[{"EventSourceArn":"arn:aws:sqs:eu-central-1:123456789012:other","State":"Enabled"},`+
			`{"EventSourceArn":%q,"State":%q,"UUID":"u-1"}]}`, arn, state)
	}
	const arn = "arn:aws:sqs:eu-central-1:123456789012:ward-dead-letters" // the one queue of this AWS
	for name, test := range map[string]struct {
		queue, mappings string
		want            Outcome
		seen            string
	}{
		"as it must be":     {attributes(0, 0), mapping(arn, "Enabled"), Pass, "ward-dispatch reads ward-rescans"},
		"not read":          {attributes(0, 0), mapping(arn+"x", "Enabled"), Fail, "ward-dispatch does not read ward-rescans"},
		"switched off":      {attributes(0, 0), mapping(arn, "Disabled"), Fail, "its event source mapping u-1 is Disabled"},
		"no dead letters":   {strings.Replace(attributes(0, 0), "RedrivePolicy", "Policy", 1), "", Fail, "does not hand what fails"},
		"no queue":          {"400!QueueDoesNotExist", "", Fail, "there is no queue"},
		"may not look":      {"403!AccessDeniedException", "", NotChecked, "sqs:GetQueueAttributes"},
		"may not list":      {attributes(0, 0), "403!AccessDeniedException", NotChecked, "lambda:ListEventSourceMappings"},
		"being switched on": {attributes(0, 0), mapping(arn, "Enabling"), Fail, "is Enabling"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answering(t, nil, map[string]string{
				"GetQueueAttributes": test.queue, "/event-source-mappings": test.mappings,
			})
			told(t, checkRescans.Run(t.Context(), r), test.want, test.seen)
		})
	}
}

func TestExpress(t *testing.T) {
	t.Parallel()
	machine := func(kind, level string, data bool, group string) string {
		return fmt.Sprintf(`{"type":%q,"loggingConfiguration":{"level":%q,"includeExecutionData":%v,"destinations":[`+
			`{"cloudWatchLogsLogGroup":{"logGroupArn":"arn:aws:logs:eu-central-1:123456789012:log-group:%s:*"}}]}}`,
			kind, level, data, group)
	}
	const group = "/aws/vendedlogs/states/ward-express"
	whole := machine("EXPRESS", "ALL", true, group)
	encryptedGroup := `{"logGroups":[{"logGroupName":"` + group + `-2"},{"logGroupName":"` + group + `","kmsKeyId":"arn:aws:kms:k"}]}`
	for name, test := range map[string]struct {
		workflow, machine, groups string
		lane                      history.Lane
		want                      Outcome
		seen                      string
	}{
		"as it must be":       {"EXPRESS", whole, encryptedGroup, history.Express, Pass, "encrypted with arn:aws:kms:k"},
		"STANDARD":            {"STANDARD", "", "", history.Standard, Off, "Workflow=STANDARD"},
		"took STANDARD":       {"EXPRESS", whole, encryptedGroup, history.Standard, Fail, "the execution of clean.txt is not one of it"},
		"no machine":          {"EXPRESS", "400!StateMachineDoesNotExist", "", history.Express, Fail, "there is no state machine"},
		"of the other type":   {"EXPRESS", machine("STANDARD", "ALL", true, group), "", history.Express, Fail, "is of type STANDARD"},
		"logs errors alone":   {"EXPRESS", machine("EXPRESS", "ERROR", true, group), "", history.Express, Fail, "does not log every event"},
		"logs no data":        {"EXPRESS", machine("EXPRESS", "ALL", false, group), "", history.Express, Fail, "does not log every event"},
		"logs nothing":        {"EXPRESS", `{"type":"EXPRESS"}`, "", history.Express, Fail, "does not log every event"},
		"logs elsewhere":      {"EXPRESS", machine("EXPRESS", "ALL", true, "/other"), "", history.Express, Fail, "does not log to " + group},
		"not encrypted":       {"EXPRESS", whole, `{"logGroups":[{"logGroupName":"` + group + `"}]}`, history.Express, Fail, "not encrypted"},
		"no log group":        {"EXPRESS", whole, `{"logGroups":[]}`, history.Express, Fail, "there is no log group"},
		"may not describe":    {"EXPRESS", "403!AccessDeniedException", "", history.Express, NotChecked, "states:DescribeStateMachine"},
		"may not list groups": {"EXPRESS", whole, "403!AccessDeniedException", history.Express, NotChecked, "logs:DescribeLogGroups"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answering(t, map[string]string{"Workflow": test.workflow}, map[string]string{
				"DescribeStateMachine": test.machine, "DescribeLogGroups": test.groups,
			})
			r.probes = map[string]*probe{clean: scanned(&job.Scan{Verdict: job.Clean})}
			r.probes[clean].execution.lane = test.lane
			told(t, checkExpress.Run(t.Context(), r), test.want, test.seen)
		})
	}
}
