package states

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/api"
)

const (
	invokeF  = `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"arn:aws:lambda:us-east-1:000000000000:function:f","Payload.$":"$"}`
	payloadF = invokeF + `,"OutputPath":"$.Payload"`
)

func one(fields string) string { return `{"StartAt":"A","States":{"A":{` + fields + `}}}` }

func two(fields, next string) string {
	return `{"StartAt":"A","States":{"A":{` + fields + `},"B":{` + next + `}}}`
}

func TestMachines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, definition, input, want string
		replies                       []reply // of function f
	}{
		{"pass", one(`"Type":"Pass","End":true`), `{"a":1}`, `SUCCEEDED {"a":1}`, nil},
		{"result", one(`"Type":"Pass","Result":[1,null],"End":true`), `{}`, `SUCCEEDED [1,null]`, nil},
		{"result null", one(`"Type":"Pass","Result":null,"End":true`), `{}`, `SUCCEEDED null`, nil},
		{
			"result path null",
			one(`"Type":"Pass","Result":5,"ResultPath":null,"End":true`),
			`{"a":1}`,
			`SUCCEEDED {"a":1}`,
			nil,
		},
		{
			"output path after result path",
			one(`"Type":"Pass","Result":5,"ResultPath":"$.b","OutputPath":"$.b","End":true`),
			`{"a":1}`,
			`SUCCEEDED 5`,
			nil,
		},
		{
			"missing output path",
			one(`"Type":"Pass","OutputPath":"$.nope","End":true`),
			`{}`,
			`FAILED States.Runtime: An error occurred while executing the state 'A' (entered at the event id #2). Invalid path '$.nope' : No results for path`,
			nil,
		},
		{
			"parameters",
			one(
				`"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload":{"x.$":"$.b","deep":[{"y.$":"$$.Execution.Id"}]}},"OutputPath":"$.Payload","End":true`,
			),
			`{"b":2}`,
			`SUCCEEDED {"deep":[{"y":"arn:aws:states:us-east-1:000000000000:execution:test:run"}],"x":2}`,
			[]reply{{}},
		},
		{
			"output too large",
			one(invokeF + `,"ResultPath":"$.more","End":true`),
			`{"a":"` + strings.Repeat("x", maxPayload-100) + `"}`,
			`FAILED States.DataLimitExceeded: An error occurred while executing the state 'A' (entered at the event id #2). The state's output has a size exceeding the maximum number of bytes service limit.`,
			[]reply{{payload: `"` + strings.Repeat("y", 1000) + `"`}},
		},
		{"unescaped", one(`"Type":"Pass","End":true`), `{"a":"<&> é"}`, `SUCCEEDED {"a":"<&> é"}`, nil},
		{"fail", one(`"Type":"Fail","Error":"E"`), `{}`, `FAILED E: `, nil},
		{"fail bare", one(`"Type":"Fail"`), `{}`, `FAILED : `, nil},
		{"fail by path", one(`"Type":"Fail","Error":"X","CausePath":"$.c.d"`), `{"c":{"d":"why"}}`, `FAILED X: why`, nil},
		{
			"fail by a path to no string",
			one(`"Type":"Fail","Error":"E","CausePath":"$.c"`),
			`{"c":5}`,
			`FAILED States.Runtime: An error occurred while executing the state 'A' (entered at the event id #2). The path '$.c' of the Fail state does not lead to a string`,
			nil,
		},
		{
			"choice default",
			`{"StartAt":"A","States":{"A":{"Type":"Choice","Choices":[{"Variable":"$.v","StringEquals":"CLEAN","Next":"B"}],"Default":"C"},"B":{"Type":"Succeed"},"C":{"Type":"Fail","Error":"C"}}}`,
			`{"v":"?"}`,
			`FAILED C: `,
			nil,
		},
		{
			"choice match",
			`{"StartAt":"A","States":{"A":{"Type":"Choice","Choices":[{"Variable":"$.v","StringEquals":"CLEAN","Next":"B"}],"Default":"C"},"B":{"Type":"Succeed"},"C":{"Type":"Fail","Error":"C"}}}`,
			`{"v":"CLEAN"}`,
			`SUCCEEDED {"v":"CLEAN"}`,
			nil,
		},
		{
			"no choice",
			two(`"Type":"Choice","Choices":[{"Variable":"$.v","StringEquals":"x","Next":"B"}]`, `"Type":"Succeed"`),
			`{"v":""}`,
			`FAILED States.NoChoiceMatched: An error occurred while executing the state 'A' (entered at the event id #2). Failed to transition out of the state. The state does not point to a next state.`,
			nil,
		},
		{
			"choice of nothing",
			two(
				`"Type":"Choice","Choices":[{"Variable":"$.v","StringEquals":"x","Next":"B"}],"Default":"B"`,
				`"Type":"Succeed"`,
			),
			`{}`,
			`FAILED States.Runtime: An error occurred while executing the state 'A' (entered at the event id #2). Invalid path '$.v': The choice state's condition path references an invalid value.`,
			nil,
		},
		{
			"result path without a place",
			one(`"Type":"Pass","ResultPath":"$.a.b","End":true`),
			`{"a":"x"}`,
			`FAILED States.ResultPathMatchFailure: An error occurred while executing the state 'A' (entered at the event id #2). Unable to apply step "ResultPath" to input {"a":"x"}: path $.a.b leads into a value that is no object`,
			nil,
		},
		{"direct function", one(payloadF + `,"End":true`), `{"a":1}`, `SUCCEEDED {"n":[1]}`, []reply{{payload: `{"n":[1]}`}}},
		{"function", one(invokeF + `,"OutputPath":"$.Payload","End":true`), `{"a":1}`, `SUCCEEDED {"a":1}`, []reply{{}}},
		{"function without an answer", one(payloadF + `,"End":true`), `{}`, `SUCCEEDED null`, []reply{{payload: "null"}}},
		{
			"function error",
			one(invokeF + `,"End":true`),
			`{}`,
			`FAILED Boom: {"errorType":"Boom","errorMessage":"it failed"}`,
			[]reply{{fault: "Boom"}},
		},
		{
			"function error not caught by others",
			two(invokeF+`,"Catch":[{"ErrorEquals":["Other"],"Next":"B"}],"End":true`, `"Type":"Succeed"`),
			`{}`,
			`FAILED Boom: {"errorType":"Boom","errorMessage":"it failed"}`,
			[]reply{{fault: "Boom"}},
		},
		{
			"caught",
			two(
				invokeF+`,"Catch":[{"ErrorEquals":["Other"],"Next":"A"},{"ErrorEquals":["Boom"],"ResultPath":"$.error","Next":"B"}],"OutputPath":"$.Payload","End":true`,
				`"Type":"Succeed","OutputPath":"$.error.Error"`,
			),
			`{}`,
			`SUCCEEDED "Boom"`,
			[]reply{{fault: "Boom"}},
		},
		{
			"caught by the wildcard, whole output",
			two(payloadF+`,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],"End":true`, `"Type":"Succeed"`),
			`{"a":1}`,
			`SUCCEEDED {"Cause":"{\"errorType\":\"Boom\",\"errorMessage\":\"it failed\"}","Error":"Boom"}`,
			[]reply{{fault: "Boom"}},
		},
		{
			"caught, result discarded",
			two(
				payloadF+`,"Catch":[{"ErrorEquals":["States.TaskFailed"],"ResultPath":null,"Next":"B"}],"End":true`,
				`"Type":"Succeed"`,
			),
			`{"a":1}`,
			`SUCCEEDED {"a":1}`,
			[]reply{{fault: "Boom"}},
		},
		{
			"parameter failure passes the wildcard",
			two(
				`"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload.$":"$.nope"},"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],"End":true`,
				`"Type":"Succeed"`,
			),
			`{}`,
			`FAILED States.ParameterPathFailure: An error occurred while executing the state 'A' (entered at the event id #2). The JSONPath '$.nope' specified for the field 'Payload.$' could not be found in the input '{}'`,
			nil,
		},
		{
			"retried",
			one(payloadF + `,"Retry":[{"ErrorEquals":["Boom"],"MaxAttempts":2}],"End":true`),
			`{}`,
			`SUCCEEDED {"ok":true}`,
			[]reply{{fault: "Boom"}, {fault: "Boom"}, {payload: `{"ok":true}`}},
		},
		{
			"retries used up, then caught",
			two(
				payloadF+`,"Retry":[{"ErrorEquals":["Boom"],"MaxAttempts":1}],"Catch":[{"ErrorEquals":["Boom"],"Next":"B"}],"End":true`,
				`"Type":"Pass","Result":"caught","End":true`,
			),
			`{}`,
			`SUCCEEDED "caught"`,
			[]reply{{fault: "Boom"}, {fault: "Boom"}, {payload: `"too late"`}},
		},
		{
			"throttled, then retried",
			one(payloadF + `,"Retry":[{"ErrorEquals":["Lambda.TooManyRequestsException"]}],"End":true`),
			`{}`,
			`SUCCEEDED 1`,
			[]reply{{err: &api.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429}}, {payload: "1"}},
		},
		{
			"client error",
			two(
				payloadF+`,"Catch":[{"ErrorEquals":["Lambda.SdkClientException"],"Next":"B"}],"End":true`,
				`"Type":"Succeed","OutputPath":"$.Cause"`,
			),
			`{}`,
			`SUCCEEDED "connection refused"`,
			[]reply{{err: errNetwork}},
		},
		{
			"timeout caught",
			two(
				payloadF+`,"TimeoutSeconds":1,"Catch":[{"ErrorEquals":["States.Timeout"],"ResultPath":"$.e","Next":"B"}],"End":true`,
				`"Type":"Succeed"`,
			),
			`{"t":1}`,
			`SUCCEEDED {"e":{"Cause":"","Error":"States.Timeout"},"t":1}`,
			[]reply{{hang: true}},
		},
		{
			"timeout not taken for a failed task",
			two(
				payloadF+`,"TimeoutSeconds":1,"Catch":[{"ErrorEquals":["States.TaskFailed"],"Next":"B"}],"End":true`,
				`"Type":"Succeed"`,
			),
			`{}`,
			`FAILED States.Timeout: `,
			[]reply{{hang: true}},
		},
		{
			"machine timeout",
			`{"TimeoutSeconds":1,` + one(payloadF + `,"End":true`)[1:],
			`{}`,
			`TIMED_OUT`,
			[]reply{{hang: true}},
		},
		{
			"result too large",
			two(payloadF+`,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],"End":true`, `"Type":"Succeed"`),
			`{}`,
			`FAILED States.DataLimitExceeded: The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit.`,
			[]reply{{payload: `"` + strings.Repeat("x", maxPayload) + `"`}},
		},
		{
			"result too large, caught by name",
			two(
				payloadF+`,"Catch":[{"ErrorEquals":["States.DataLimitExceeded"],"ResultPath":null,"Next":"B"}],"End":true`,
				`"Type":"Succeed"`,
			),
			`{}`,
			`SUCCEEDED {}`,
			[]reply{{payload: `"` + strings.Repeat("x", maxPayload) + `"`}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &world{functions: map[string][]reply{"f": tt.replies}}
			if diff := cmp.Diff(tt.want, ended(w.run(t, tt.definition, tt.input))); diff != "" {
				t.Errorf("end differs (-want +got):\n%s", diff)
			}
		})
	}
}
