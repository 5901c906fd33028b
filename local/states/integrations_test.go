package states

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/api"
)

func TestSendMessage(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, url, body, want string }{
		{
			"object as the body",
			"http://127.0.0.1:4566/000000000000/dead",
			`{"job":{"a":1},"e.$":"$$.Execution.Id"}`,
			`arn:aws:sqs:us-east-1:000000000000:dead {"e":"arn:aws:states:us-east-1:000000000000:execution:test:run","job":{"a":1}}`,
		},
		{
			"text as the body",
			"https://sqs.us-east-1.amazonaws.com/000000000000/q",
			`"hi"`,
			`arn:aws:sqs:us-east-1:000000000000:q hi`,
		},
		{"ARN as the URL", "arn:aws:sqs:us-east-1:000000000000:q", `[1]`, `arn:aws:sqs:us-east-1:000000000000:q [1]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &world{}
			x := w.run(
				t,
				one(
					`"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"`+tt.url+`","MessageBody":`+tt.body+`},"OutputPath":"$.MessageId","End":true`,
				),
				`{}`,
			)
			if diff := cmp.Diff([]string{tt.want}, w.messages); diff != "" {
				t.Errorf("messages differ (-want +got):\n%s", diff)
			}
			if ended(x) != `SUCCEEDED "message-1"` {
				t.Errorf("got end %s, want the message's id", ended(x))
			}
		})
	}
}

func TestServiceFailureNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		prefix, fallback string
		err              error
		want             string
	}{
		{"Lambda", "AWSLambdaException", &api.Error{Code: "TooManyRequestsException"}, "Lambda.TooManyRequestsException"},
		{"Lambda", "AWSLambdaException", &api.Error{Code: "ResourceNotFoundException"}, "Lambda.ResourceNotFoundException"},
		{"Lambda", "AWSLambdaException", &api.Error{Code: "InternalFailure"}, "Lambda.AWSLambdaException"},
		{"Lambda", "AWSLambdaException", errNetwork, "Lambda.SdkClientException"},
		{"SQS", "AmazonSQSException", &api.Error{Code: "QueueDoesNotExist"}, "SQS.QueueDoesNotExistException"},
		{"SQS", "AmazonSQSException", &api.Error{Code: "InvalidParameterValue"}, "SQS.AmazonSQSException"},
		{"SQS", "AmazonSQSException", errNetwork, "SQS.SdkClientException"},
	}
	for _, tt := range tests {
		f, ok := asFailure(serviceFailure(tt.prefix, tt.fallback, tt.err))
		if !ok || f.name != tt.want {
			t.Errorf("%v is %v, want %s", tt.err, f, tt.want)
		}
	}
}

func TestFunctionFailureWithoutAType(t *testing.T) {
	t.Parallel()
	f, _ := asFailure(functionFailure([]byte(`{"errorMessage":"Task timed out after 3.00 seconds"}`)))
	const cause = `The cause could not be determined because Lambda did not return an error type. Returned payload: {"errorMessage":"Task timed out after 3.00 seconds"}`
	if f.name != "Lambda.Unknown" || f.cause != cause {
		t.Errorf("got %v, want Lambda.Unknown: %s", f, cause)
	}
}

// Parameters that are only known at run time can still have the wrong type.
func TestParametersOfTheWrongType(t *testing.T) {
	t.Parallel()
	for name, fields := range map[string]string{
		"function": `"Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName.$":"$.n","Payload.$":"$"}`,
		"kind": `"Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload":1,` +
			`"InvocationType.$":"$.n"}`,
		"queue": `"Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl.$":"$.n","MessageBody":"b"}`,
	} {
		x := (&world{}).run(t, one(`"Type":"Task",`+fields+`,"End":true`), `{"n":5}`)
		if !strings.HasPrefix(ended(x), "FAILED States.Runtime: An error occurred while executing the state 'A'") {
			t.Errorf("%s: got end %s, want States.Runtime", name, ended(x))
		}
		if !strings.HasSuffix(trail(x), "TaskStateEntered<0 ExecutionFailed<2") {
			t.Errorf("%s: got history %s, want nothing scheduled", name, trail(x))
		}
	}
}

// TestEventIsHandedOver checks that a state with InvocationType Event goes on once Lambda has the event, and that it
// fails as Lambda answers.
func TestEventIsHandedOver(t *testing.T) {
	t.Parallel()
	const function = "arn:aws:lambda:us-east-1:000000000000:function:report"
	for _, tt := range []struct {
		name, fields string
		fails        error
		end          string
		handed       []string
	}{
		{
			"taken", `"InvocationType":"Event"`, nil, `SUCCEEDED {"Payload":"","StatusCode":202}`,
			[]string{function + ` {"a":1}`},
		},
		{
			"throttled", `"InvocationType":"Event"`, &api.Error{Code: "TooManyRequestsException", Message: "slow down", Status: 429},
			"FAILED Lambda.TooManyRequestsException",
			[]string{function + ` {"a":1}`},
		},
		{"waits for the end", `"InvocationType":"RequestResponse"`, nil, `SUCCEEDED {"ExecutedVersion"`, nil},
		{"a kind that is not there", `"InvocationType":"DryRun"`, nil, "FAILED States.Runtime", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &world{fails: tt.fails, functions: map[string][]reply{"report": {{}}}}
			x := w.run(t, one(`"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"`+
				function+`","Payload":{"a":1},`+tt.fields+`},"End":true`), `{}`)
			if !strings.HasPrefix(ended(x), tt.end) {
				t.Errorf("got end %s, want %s", ended(x), tt.end)
			}
			if diff := cmp.Diff(tt.handed, w.handed); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if waits := len(w.calls) == 1; waits != (tt.name == "waits for the end") {
				t.Errorf("got calls %q that wait for the function's end", w.calls)
			}
		})
	}
}
