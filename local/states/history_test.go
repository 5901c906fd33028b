package states

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/api"
)

// The expected sequences are those that Step Functions itself was seen to write
// for these machines, with the numbers of the events that each one follows.
func TestHistory(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, definition, input, want string
		replies                       []reply
	}{
		{
			"no choice",
			two(`"Type":"Choice","Choices":[{"Variable":"$.x","StringEquals":"n","Next":"B"}]`, `"Type":"Succeed"`),
			`{"x":"a"}`,
			"ChoiceStateEntered<0 ExecutionFailed<2",
			nil,
		},
		{
			"task", one(invokeF + `,"End":true`), `{}`,
			"TaskStateEntered<0 TaskScheduled<2 TaskStarted<3 TaskSucceeded<4 TaskStateExited<5 ExecutionSucceeded<6",
			[]reply{{}},
		},
		{
			"task retried",
			one(invokeF + `,"Retry":[{"ErrorEquals":["Boom"]}],"End":true`),
			`{}`,
			"TaskStateEntered<0 TaskScheduled<2 TaskStarted<3 TaskFailed<4 TaskScheduled<5 TaskStarted<6 TaskSucceeded<7 TaskStateExited<8 ExecutionSucceeded<9",
			[]reply{{fault: "Boom"}, {}},
		},
		{
			"task timed out", one(invokeF + `,"TimeoutSeconds":1,"End":true`), `{}`,
			"TaskStateEntered<0 TaskScheduled<2 TaskStarted<3 TaskTimedOut<4 ExecutionFailed<5",
			[]reply{{hang: true}},
		},
		{
			"the rest",
			`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$","IsPresent":true,"Next":"C"}],"Default":"C"},"C":{"Type":"Succeed"}}}`,
			`{}`,
			"PassStateEntered<0 PassStateExited<2 ChoiceStateEntered<3 ChoiceStateExited<4 SucceedStateEntered<5 SucceedStateExited<6 ExecutionSucceeded<7",
			nil,
		},
		{
			"machine timeout", `{"TimeoutSeconds":1,` + one(invokeF + `,"End":true`)[1:], `{}`,
			"TaskStateEntered<0 TaskScheduled<2 TaskStarted<3 ExecutionTimedOut<4",
			[]reply{{hang: true}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &world{functions: map[string][]reply{"f": tt.replies}}
			x := w.run(t, tt.definition, tt.input)
			if diff := cmp.Diff(strings.Fields(tt.want), strings.Fields(trail(x))); diff != "" {
				t.Errorf("history differs (-want +got):\n%s", diff)
			}
			for i, e := range x.history {
				if e.ID != int64(i)+1 {
					t.Errorf("event %d: got id %d, want %d", i, e.ID, i+1)
				}
			}
		})
	}
}

func TestEventDetails(t *testing.T) {
	t.Parallel()
	w := &world{
		functions: map[string][]reply{
			"f": {
				{err: &api.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429}},
				{payload: `{"v":1}`},
			},
		},
	}
	x := w.run(
		t,
		one(invokeF+`,"TimeoutSeconds":9,"OutputPath":"$.Payload","Retry":[{"ErrorEquals":["States.ALL"]}],"End":true`),
		`{"a":1}`,
	)
	const parameters = `{"FunctionName":"arn:aws:lambda:us-east-1:000000000000:function:f","Payload":{"a":1}}`
	want := map[string]details{
		"ExecutionStarted": {"input": `{"a":1}`, "inputDetails": complete, "roleArn": "arn:aws:iam::000000000000:role/test"},
		"TaskStateEntered": {"name": "A", "input": `{"a":1}`, "inputDetails": complete},
		"TaskScheduled": {
			"resourceType":     "lambda",
			"resource":         "invoke",
			"region":           "us-east-1",
			"parameters":       parameters,
			"timeoutInSeconds": 9.0,
		},
		"TaskStarted":     {"resourceType": "lambda", "resource": "invoke"},
		"TaskStateExited": {"name": "A", "output": `{"v":1}`, "outputDetails": complete},
	}
	for kind, d := range want {
		if diff := cmp.Diff(d, detail(t, x, kind)); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", kind, diff)
		}
	}
	got := detail(t, x, "TaskFailed")
	if got["error"] != "Lambda.TooManyRequestsException" ||
		!strings.HasPrefix(
			got["cause"].(string),
			"Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; Request ID: ",
		) {
		t.Errorf("got TaskFailed %v, want the error with AWS's cause", got)
	}
	var output struct{ Payload json.RawMessage }
	if err := json.Unmarshal(
		[]byte(detail(t, x, "TaskSucceeded")["output"].(string)),
		&output,
	); err != nil ||
		string(output.Payload) != `{"v":1}` {
		t.Errorf("got output %s, %v, want the function's answer", output.Payload, err)
	}
}

// A machine in a circle ends at the service's limit instead of filling memory.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	x := (&world{}).run(t, two(`"Type":"Pass","Next":"B"`, `"Type":"Pass","Next":"A"`), `{}`)
	if got := ended(
		x,
	); got != "FAILED States.Runtime: the execution reached the maximum number of history events (25000)" {
		t.Errorf("got end %s, want a full history", got)
	}
	if n := len(x.history); n > mostEvents {
		t.Errorf("got %d events, want at most %d", n, mostEvents)
	}
}
