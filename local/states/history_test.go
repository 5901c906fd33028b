package states

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The expected sequences are those that Step Functions itself was seen to write
// for these machines, with the numbers of the events that each one follows.
func TestHistory(t *testing.T) {
	t.Parallel()
	const (
		boom    = `{"StartAt":"X","States":{"X":{"Type":"Fail","Error":"MyError","Cause":"my cause"}}}`
		send    = `{"StartAt":"X","States":{"X":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"http://h/000000000000/q","MessageBody":"hi"},"End":true}}}`
		noPath  = `{"StartAt":"X","States":{"X":{"Type":"Pass","Parameters":{"m.$":"$.nope"},"End":true}}}`
		noQueue = `{"StartAt":"X","States":{"X":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl.$":"$.nope","MessageBody":"hi"},"End":true}}}`
		pass2   = `{"StartAt":"X","States":{"X":{"Type":"Pass","Next":"Y"},"Y":{"Type":"Pass","End":true}}}`
		caught  = `,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],"End":true`
		handled = `"Type":"Pass","End":true`
		items   = `,"ItemsPath":"$.items","MaxConcurrency":1,"End":true`
	)
	parallel := func(branch, rest string) string { return `"Type":"Parallel","Branches":[` + branch + `]` + rest }
	each := func(processor, rest string) string { return `"Type":"Map","ItemProcessor":` + processor + rest }
	tests := []struct {
		name, definition, input, want string
		fails                         error
		replies                       []reply
	}{
		{"one branch", one(parallel(pass2, `,"End":true`)), `{}`,
			"ParallelStateEntered<0 ParallelStateStarted<2 PassStateEntered<3 PassStateExited<4 PassStateEntered<5 PassStateExited<6 ParallelStateSucceeded<7 ParallelStateExited<7 ExecutionSucceeded<9", nil, nil},
		{"runtime error in a branch", two(parallel(noPath, caught), handled), `{"x":"a"}`,
			"ParallelStateEntered<0 ParallelStateStarted<2 PassStateEntered<3 ExecutionFailed<4", nil, nil},
		{"runtime error in a branch's task", one(parallel(noQueue, `,"End":true`)), `{}`,
			"ParallelStateEntered<0 ParallelStateStarted<2 TaskStateEntered<3 ExecutionFailed<4", nil, nil},
		{"Fail in a branch", one(parallel(boom, `,"End":true`)), `{}`,
			"ParallelStateEntered<0 ParallelStateStarted<2 FailStateEntered<3 ParallelStateFailed<4 ExecutionFailed<5", nil, nil},
		{"Parallel retried", one(parallel(boom, `,"Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":1}],"End":true`)), `{}`,
			"ParallelStateEntered<0 ParallelStateStarted<2 FailStateEntered<3 ParallelStateStarted<4 FailStateEntered<5 ParallelStateFailed<6 ExecutionFailed<7", nil, nil},
		{"task failure in a branch, caught", two(parallel(send, caught), handled), `{}`,
			"ParallelStateEntered<0 ParallelStateStarted<2 TaskStateEntered<3 TaskScheduled<4 TaskStarted<5 TaskFailed<6 TaskStateAborted<7 ParallelStateFailed<7 ParallelStateExited<9 PassStateEntered<10 PassStateExited<11 ExecutionSucceeded<12",
			&ServiceError{Code: "QueueDoesNotExist", Message: "The specified queue does not exist."}, nil},
		{"Map", one(each(pass2, items)), `{"items":[1]}`,
			"MapStateEntered<0 MapStateStarted<2 MapIterationStarted<3 PassStateEntered<4 PassStateExited<5 PassStateEntered<6 PassStateExited<7 MapIterationSucceeded<8 MapStateSucceeded<9 MapStateExited<9 ExecutionSucceeded<11", nil, nil},
		{"Map over nothing", one(each(pass2, items)), `{"items":[]}`,
			"MapStateEntered<0 MapStateStarted<2 MapStateSucceeded<3 MapStateExited<3 ExecutionSucceeded<5", nil, nil},
		{"failure in a Map", one(each(boom, items)), `{"items":[1,2]}`,
			"MapStateEntered<0 MapStateStarted<2 MapIterationStarted<3 FailStateEntered<4 MapIterationFailed<5 MapStateFailed<5 ExecutionFailed<7", nil, nil},
		{"runtime error in a Map", one(each(noPath, items)), `{"items":[1,2]}`,
			"MapStateEntered<0 MapStateStarted<2 MapIterationStarted<3 PassStateEntered<4 ExecutionFailed<5", nil, nil},
		{"no choice", two(`"Type":"Choice","Choices":[{"Variable":"$.x","StringEquals":"n","Next":"B"}]`, `"Type":"Succeed"`), `{"x":"a"}`,
			"ChoiceStateEntered<0 ExecutionFailed<2", nil, nil},
		{"task", one(invokeF + `,"End":true`), `{}`,
			"TaskStateEntered<0 TaskScheduled<2 TaskStarted<3 TaskSucceeded<4 TaskStateExited<5 ExecutionSucceeded<6", nil, []reply{{}}},
		{"task retried", one(invokeF + `,"Retry":[{"ErrorEquals":["Boom"]}],"End":true`), `{}`,
			"TaskStateEntered<0 TaskScheduled<2 TaskStarted<3 TaskFailed<4 TaskScheduled<5 TaskStarted<6 TaskSucceeded<7 TaskStateExited<8 ExecutionSucceeded<9", nil, []reply{{fault: "Boom"}, {}}},
		{"task timed out", one(invokeF + `,"TimeoutSeconds":1,"End":true`), `{}`,
			"TaskStateEntered<0 TaskScheduled<2 TaskStarted<3 TaskTimedOut<4 ExecutionFailed<5", nil, []reply{{hang: true}}},
		{"function as the resource", one(directF + `,"End":true`), `{}`,
			"TaskStateEntered<0 LambdaFunctionScheduled<2 LambdaFunctionStarted<3 LambdaFunctionFailed<4 ExecutionFailed<5", nil, []reply{{fault: "Boom"}}},
		{"the rest", `{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":1,"Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$","IsNull":true,"Next":"C"}],"Default":"C"},"C":{"Type":"Succeed"}}}`, `{}`,
			"WaitStateEntered<0 WaitStateExited<2 ChoiceStateEntered<3 ChoiceStateExited<4 SucceedStateEntered<5 SucceedStateExited<6 ExecutionSucceeded<7", nil, nil},
		{"machine timeout", `{"TimeoutSeconds":1,` + one(directF + `,"End":true`)[1:], `{}`,
			"TaskStateEntered<0 LambdaFunctionScheduled<2 LambdaFunctionStarted<3 ExecutionTimedOut<4", nil, []reply{{hang: true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &world{fails: tt.fails, functions: map[string][]reply{"f": tt.replies}}
			x := w.run(t, tt.definition, tt.input)
			if diff := cmp.Diff(strings.Fields(tt.want), strings.Fields(trail(x))); diff != "" {
				t.Errorf("history differs (-want +got):\n%s", diff)
			}
			for i, e := range x.history {
				if e.id != int64(i)+1 {
					t.Errorf("event %d has id %d", i, e.id)
				}
			}
		})
	}
}

// A branch that still works when another fails is interrupted and says so.
func TestHistoryOfAnInterruptedBranch(t *testing.T) {
	t.Parallel()
	w := &world{functions: map[string][]reply{"f": {{hang: true}}}}
	config := w.config(one(`"Type":"Parallel","End":true,"Branches":[
		{"StartAt":"X","States":{"X":{` + directF + `,"End":true}}},
		{"StartAt":"Y","States":{"Y":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:g","Next":"Z"},"Z":{"Type":"Fail","Error":"Boom"}}}]`))
	config.Invoke = func(ctx context.Context, function string, payload []byte) (Invocation, error) {
		if strings.HasSuffix(function, ":g") {
			<-w.hanging // the other branch is in its task
			return Invocation{Payload: payload}, nil
		}
		return w.invoke(ctx, function, payload)
	}
	x := wait(t, start(t, newService(t, config), "run", `{}`))
	if got := ended(x); got != "FAILED Boom: " {
		t.Errorf("ended %s", got)
	}
	if !strings.Contains(trail(x), " TaskStateAborted<") || !strings.HasSuffix(trail(x), " ExecutionFailed<14") {
		t.Errorf("history %s", trail(x))
	}
}

func TestEventDetails(t *testing.T) {
	t.Parallel()
	w := &world{functions: map[string][]reply{"f": {{err: &ServiceError{"TooManyRequestsException", "Rate Exceeded.", 429}}, {payload: `{"v":1}`}}}}
	x := w.run(t, one(invokeF+`,"TimeoutSeconds":9,"OutputPath":"$.Payload","Retry":[{"ErrorEquals":["States.ALL"]}],"End":true`), `{"a":1}`)
	const parameters = `{"FunctionName":"arn:aws:lambda:us-east-1:000000000000:function:f","Payload":{"a":1}}`
	want := map[string]details{
		"ExecutionStarted": {"input": `{"a":1}`, "inputDetails": complete, "roleArn": "arn:aws:iam::000000000000:role/test"},
		"TaskStateEntered": {"name": "A", "input": `{"a":1}`, "inputDetails": complete},
		"TaskScheduled":    {"resourceType": "lambda", "resource": "invoke", "region": "us-east-1", "parameters": parameters, "timeoutInSeconds": int64(9)},
		"TaskStarted":      {"resourceType": "lambda", "resource": "invoke"},
		"TaskStateExited":  {"name": "A", "output": `{"v":1}`, "outputDetails": complete},
	}
	for kind, d := range want {
		if diff := cmp.Diff(d, detail(t, x, kind)); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", kind, diff)
		}
	}
	got := detail(t, x, "TaskFailed")
	if got["error"] != "Lambda.TooManyRequestsException" || !strings.HasPrefix(got["cause"].(string), "Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; Request ID: ") {
		t.Errorf("TaskFailed %v", got)
	}
	var output struct{ Payload json.RawMessage }
	if err := json.Unmarshal([]byte(detail(t, x, "TaskSucceeded")["output"].(string)), &output); err != nil || string(output.Payload) != `{"v":1}` {
		t.Errorf("TaskSucceeded output %s: %v", output.Payload, err)
	}
}

// A machine in a circle ends at the service's limit instead of filling memory.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	x := (&world{}).run(t, two(`"Type":"Pass","Next":"B"`, `"Type":"Pass","Next":"A"`), `{}`)
	if got := ended(x); got != "FAILED States.Runtime: the execution reached the maximum number of history events (25000)" {
		t.Errorf("ended %s", got)
	}
	if n := len(x.history); n > mostEvents {
		t.Errorf("history has %d events", n)
	}
}
