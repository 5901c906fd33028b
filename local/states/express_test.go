package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/template"
)

const expressMachine = "arn:aws:states:us-east-1:000000000000:stateMachine:fast"

// express is a world with an Express machine beside the Standard one, its log and what was told of its executions.
type express struct {
	world
	mu    sync.Mutex
	log   []string
	ended []string
}

func (e *express) config(t *testing.T, definition string) Config {
	t.Helper()
	c := e.world.config(t, definition)
	c.Machines = append(c.Machines, template.Machine{
		Name: "fast", ARN: expressMachine, RoleARN: "arn:aws:iam::000000000000:role/fast", Definition: []byte(definition),
		Express: true, LogGroup: "/aws/vendedlogs/states/fast",
	})
	c.Log = func(group string, lines ...string) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, line := range lines {
			e.log = append(e.log, group+" "+line)
		}
		return nil
	}
	c.ExpressEnded = func(detail json.RawMessage) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.ended = append(e.ended, string(detail))
	}
	return c
}

// plainHost keeps the SDK from calling sync-127.0.0.1.
func plainHost(s *middleware.Stack) error {
	return s.Initialize.Add(middleware.InitializeMiddlewareFunc("PlainHost", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
	}), middleware.Before)
}

func startSync(ctx context.Context, c *sfn.Client, machine, name, input string) (*sfn.StartSyncExecutionOutput, error) {
	return c.StartSyncExecution(
		ctx,
		&sfn.StartSyncExecutionInput{StateMachineArn: &machine, Name: &name, Input: &input},
		sfn.WithAPIOptions(plainHost),
	)
}

// syncOutcome gives "SUCCEEDED output" or "FAILED error: cause".
func syncOutcome(out *sfn.StartSyncExecutionOutput) string {
	if out.Status == types.SyncExecutionStatusSucceeded {
		return "SUCCEEDED " + aws.ToString(out.Output)
	}
	return fmt.Sprintf("%s %s: %s", out.Status, aws.ToString(out.Error), aws.ToString(out.Cause))
}

func TestStartSyncExecution(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, definition string
		replies          []reply
		want             string
		told             string // status, output, error and cause of what ExpressEnded gets
	}{
		{
			"succeeded",
			one(`"Type":"Pass","End":true`),
			nil,
			`SUCCEEDED {"a":1}`,
			`SUCCEEDED {"a":1} <nil> <nil>`,
		},
		{
			"failed",
			one(`"Type":"Fail","Error":"DeadLettered","CausePath":"$.a"`),
			nil,
			"FAILED States.Runtime: An error occurred while executing the state 'A' (entered at the event id #2). " +
				"The path '$.a' of the Fail state does not lead to a string",
			"FAILED <nil> States.Runtime An error occurred while executing the state 'A' (entered at the event id #2). " +
				"The path '$.a' of the Fail state does not lead to a string",
		},
		{
			"failed by its own state",
			one(`"Type":"Fail","Error":"DeadLettered"`),
			nil,
			"FAILED DeadLettered: ",
			"FAILED <nil> DeadLettered <nil>",
		},
		{
			"timed out",
			`{"TimeoutSeconds":1,` + one(payloadF + `,"End":true`)[1:],
			[]reply{{hang: true}},
			"TIMED_OUT : ",
			"TIMED_OUT <nil> <nil> <nil>",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := &express{world: world{functions: map[string][]reply{"f": tt.replies}}}
			s := newService(t, e.config(t, tt.definition))
			before := time.Now().Truncate(time.Millisecond)
			out, err := startSync(t.Context(), newClient(t, s), expressMachine, "run", `{"a":1}`)
			if err != nil {
				t.Fatal(err)
			}
			if got := syncOutcome(out); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			arn := regexp.MustCompile(`^arn:aws:states:us-east-1:000000000000:express:fast:run:[0-9a-f-]{36}$`)
			if !arn.MatchString(*out.ExecutionArn) || *out.StateMachineArn != expressMachine || *out.Name != "run" ||
				*out.Input != `{"a":1}` || !out.InputDetails.Included || !out.OutputDetails.Included {
				t.Errorf("got %+v, want the execution's ARN, machine, name and input", out)
			}
			took := out.StopDate.Sub(*out.StartDate).Milliseconds()
			billed := out.BillingDetails.BilledDurationInMilliseconds
			if out.StartDate.Before(before) || took < 0 || billed%100 != 0 || billed < max(took, 1) || billed > took+100 ||
				out.BillingDetails.BilledMemoryUsedInMB != 64 {
				t.Errorf("got %v to %v and %+v, want times of now, and whole 100 ms", out.StartDate, out.StopDate, out.BillingDetails)
			}
			if len(e.details) != 0 {
				t.Errorf("EventBridge was told %q, want nothing", e.details)
			}
			e.mu.Lock()
			defer e.mu.Unlock()
			if got := told(t, e.ended); !slices.Equal(got, []string{tt.told}) {
				t.Errorf("ExpressEnded got %q, want %q", got, tt.told)
			}
		})
	}
}

// told gives "status output error cause" of each detail.
func told(t *testing.T, details []string) (all []string) {
	t.Helper()
	for _, text := range details {
		var d map[string]any
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%v %v %v %v", d["status"], d["output"], d["error"], d["cause"]))
	}
	return all
}

// The log has the events as CloudWatch gets them on AWS.
func TestExpressLog(t *testing.T) {
	t.Parallel()
	e := &express{world: world{functions: map[string][]reply{"f": {{fault: "Oops"}, {payload: `{"b":"<2>"}`}}}}}
	definition := one(invokeF + `,"OutputPath":"$.Payload","End":true,"Retry":[{"ErrorEquals":["Oops"]}]`)
	s := newService(t, e.config(t, definition))
	out, err := startSync(t.Context(), newClient(t, s), expressMachine, "run", `{"a":1}`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range e.log {
		at := regexp.MustCompile(`"event_timestamp":"(\d{13})"`)
		if !at.MatchString(line) {
			t.Errorf("got %s, want a time in ms", line)
		}
		line = at.ReplaceAllString(strings.ReplaceAll(line, *out.ExecutionArn, "ARN"), `"event_timestamp":"T"`)
		got = append(got, line)
	}
	event := func(id int, kind, details string, previous int) string {
		return fmt.Sprintf(`/aws/vendedlogs/states/fast {"id":"%d","type":"%s","details":%s,"previous_event_id":"%d",`+
			`"event_timestamp":"T","execution_arn":"ARN","redrive_count":"0"}`, id, kind, details, previous)
	}
	const task = `"resource":"invoke","resourceType":"lambda"`
	scheduled := `{"parameters":"{\"FunctionName\":\"arn:aws:lambda:us-east-1:000000000000:function:f\",\"Payload\":{\"a\":1}}",` +
		`"region":"us-east-1",` + task + `}`
	want := []string{
		event(1, "ExecutionStarted", `{"input":"{\"a\":1}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::000000000000:role/fast"}`, 0),
		event(2, "TaskStateEntered", `{"input":"{\"a\":1}","inputDetails":{"truncated":false},"name":"A"}`, 0),
		event(3, "TaskScheduled", scheduled, 2),
		event(4, "TaskStarted", `{`+task+`}`, 3),
		event(5, "TaskFailed", `{"cause":"{\"errorType\":\"Oops\",\"errorMessage\":\"it failed\"}","error":"Oops",`+task+`}`, 4),
		event(6, "TaskScheduled", scheduled, 5),
		event(7, "TaskStarted", `{`+task+`}`, 6),
		event(8, "TaskSucceeded", `{"output":"{\"ExecutedVersion\":\"$LATEST\",\"Payload\":{\"b\":\"<2>\"},\"StatusCode\":200}",`+
			`"outputDetails":{"truncated":false},`+task+`}`, 7),
		event(9, "TaskStateExited", `{"name":"A","output":"{\"b\":\"<2>\"}","outputDetails":{"truncated":false}}`, 8),
		event(10, "ExecutionSucceeded", `{"output":"{\"b\":\"<2>\"}","outputDetails":{"truncated":false}}`, 9),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestExpressLogCutsLongTexts(t *testing.T) {
	t.Parallel()
	e := &express{}
	s := newService(t, e.config(t, one(`"Type":"Pass","End":true`)))
	input := `"` + strings.Repeat("ü", 125_000) + `"`
	if _, err := startSync(t.Context(), newClient(t, s), expressMachine, "run", input); err != nil {
		t.Fatal(err)
	}
	for _, line := range e.log {
		if !strings.Contains(line, `Details":{"truncated":true}`) || len(line) > longest+1000 {
			t.Errorf("got %d bytes, %.300s…, want a text of at most %d bytes that is marked as truncated", len(line), line, longest)
		}
	}
}

// A name is not taken, neither while an execution of it runs nor later.
func TestExpressNamesAreFree(t *testing.T) {
	t.Parallel()
	e := &express{world: world{functions: map[string][]reply{"f": {{}}}}}
	s := newService(t, e.config(t, one(payloadF+`,"End":true`)))
	c := newClient(t, s)
	seen := map[string]bool{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			out, err := startSync(t.Context(), c, expressMachine, "same", `{}`)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seen[*out.ExecutionArn] = true
		})
	}
	all.Wait()
	started, err := c.StartExecution(t.Context(), &sfn.StartExecutionInput{
		StateMachineArn: aws.String(expressMachine), Name: aws.String("same"), Input: aws.String(`{"other":1}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := *started.ExecutionArn
	if seen[arn] = true; len(seen) != 5 || !strings.Contains(arn, ":express:fast:same:") {
		t.Errorf("got executions %v, want five", seen)
	}
}

// TestExpressErrors wants the errors that AWS answers. localstack's tests record them.
func TestExpressErrors(t *testing.T) {
	t.Parallel()
	e := &express{}
	s := newService(t, e.config(t, one(`"Type":"Pass","End":true`)))
	c := newClient(t, s)
	out, err := startSync(t.Context(), c, expressMachine, "run", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	sync := func(machine, name, input string) error {
		_, err := startSync(t.Context(), c, machine, name, input)
		return err
	}
	_, list := c.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: aws.String(expressMachine)})
	_, describe := c.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: out.ExecutionArn})
	_, history := c.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: out.ExecutionArn})
	_, stop := c.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: out.ExecutionArn})
	const otherType = "StateMachineTypeNotSupported: This operation is not supported by this type of state machine"
	const otherARN = "InvalidArn: Invalid Arn: 'Resource type not valid in this context: express'"
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"sync on Standard": {sync(testMachine, "run", `{}`), otherType},
		"name":             {sync(expressMachine, "a b", `{}`), "InvalidName: "},
		"input":            {sync(expressMachine, "a", `{`), "InvalidExecutionInput: "},
		"machine":          {sync(expressMachine+"x", "a", `{}`), "StateMachineDoesNotExist: "},
		"list":             {list, otherType},
		"describe":         {describe, otherARN},
		"history":          {history, otherARN},
		"stop":             {stop, otherARN},
	} {
		var got smithy.APIError
		if !errors.As(tt.err, &got) || !strings.HasPrefix(got.ErrorCode()+": "+got.ErrorMessage(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, tt.err, tt.want)
		}
	}
	in := &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(expressMachine)}
	described, err := c.DescribeStateMachine(t.Context(), in)
	if err != nil || described.Type != types.StateMachineTypeExpress ||
		described.LoggingConfiguration.Level != types.LogLevelAll ||
		*described.LoggingConfiguration.Destinations[0].CloudWatchLogsLogGroup.LogGroupArn !=
			"arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states/fast:*" {
		t.Errorf("got %+v, %v, want an Express machine with its log group", described, err)
	}
}

// A machine that waits for longer than five minutes, as its Retry is written, times out at the same Retry at every
// scale.
func TestExpressTimeoutAtAnyScale(t *testing.T) {
	t.Parallel()
	for _, scale := range []float64{1000, 5000} {
		t.Run(fmt.Sprint(scale), func(t *testing.T) {
			t.Parallel()
			e := &express{world: world{functions: map[string][]reply{"f": {{fault: "NotReady"}}}}}
			config := e.config(t, one(payloadF+`,"End":true,"Retry":[{"ErrorEquals":["NotReady"],"IntervalSeconds":60,"BackoffRate":1.5,"MaxAttempts":10}]`))
			config.Scale = scale
			began := time.Now()
			out, err := startSync(t.Context(), newClient(t, newService(t, config)), expressMachine, "run", `{}`)
			if err != nil || out.Status != types.SyncExecutionStatusTimedOut {
				t.Fatalf("got %+v, %v, want TIMED_OUT", out, err)
			}
			// 60, 90 and 135 s are 285 s; the next wait would be 202 s.
			if len(e.calls) != 4 {
				t.Errorf("called the function %d times, want 4", len(e.calls))
			}
			if took := time.Since(began); took < time.Duration(300e9/scale) {
				t.Errorf("took %v, want at least %v", took, time.Duration(300e9/scale))
			}
		})
	}
}

// The execution goes on when its caller has gone, and ends with the service.
func TestExpressCallerGone(t *testing.T) {
	t.Parallel()
	e := &express{world: world{functions: map[string][]reply{"f": {{hang: true}}, "g": {{}}}}}
	s := newService(t, e.config(t, one(payloadF+`,"End":true`)))
	c := newClient(t, s)
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-e.hanging
		leave()
	}()
	if _, err := startSync(ctx, c, expressMachine, "run", `{}`); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	s.mu.Lock()
	running := len(s.running)
	s.mu.Unlock()
	if running != 1 {
		t.Errorf("%d executions run, want one", running)
	}
	failed := make(chan error)
	go func() {
		_, err := startSync(context.Background(), c, expressMachine, "run", `{}`)
		failed <- err
	}()
	<-e.hanging
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("an execution that ended with the service was answered, want an error")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.ended) != 0 {
		t.Errorf("ExpressEnded got %q, want nothing of executions that ended with the service", e.ended)
	}
}

// A message is sent, and the store has nothing of the execution.
func TestExpressSendsMessages(t *testing.T) {
	t.Parallel()
	e := &express{}
	config := e.config(t, one(`"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage",
		"Parameters":{"QueueUrl":"https://sqs/0/q","MessageBody.$":"$"},"End":true`))
	out, err := startSync(t.Context(), newClient(t, newService(t, config)), expressMachine, "run", `{"a":1}`)
	if err != nil || syncOutcome(out) != `SUCCEEDED {"MessageId":"message-1"}` {
		t.Fatalf("got %+v, %v, want the message's id", out, err)
	}
	if diff := cmp.Diff([]string{`arn:aws:sqs:us-east-1:000000000000:q {"a":1}`}, e.messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	err = config.Store.View(func(tx *bbolt.Tx) error {
		if tx.Bucket(allExecutions).Bucket([]byte(expressMachine)) != nil {
			t.Error("the store has a bucket for the Express machine, want none")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
