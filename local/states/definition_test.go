package states

import (
	"os"
	"strings"
	"testing"
)

func TestParseRejects(t *testing.T) {
	t.Parallel()
	machine := func(states string) string { return `{"StartAt":"A","States":{` + states + `}}` }
	a := func(fields string) string { return machine(`"A":{` + fields + `}`) }
	task := func(fields string) string {
		return a(
			`"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload":{}},"End":true,` + fields,
		)
	}
	parameters := func(value string) string {
		return a(`"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":` + value + `,"End":true`)
	}
	tests := []struct{ name, definition, want string }{
		{"no JSON", `{`, "parse definition"},
		{"null", `null`, "StartAt"},
		{"unknown top field", `{"StartAt":"A","States":{},"Extra":1}`, `field "Extra"`},
		{"no StartAt", `{"States":{}}`, "StartAt"},
		{"StartAt to nowhere", machine(``), `StartAt names state "A"`},
		{"JSONata", `{"QueryLanguage":"JSONata","StartAt":"A","States":{}}`, `field "QueryLanguage"`},
		{"machine timeout", `{"TimeoutSeconds":-1,"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`, "TimeoutSeconds"},
		{"unknown type", a(`"Type":"Tsk"`), `state "A": type "Tsk" is unknown or not supported`},
		{"no type", a(`"End":true`), `type "" is unknown`},
		{"Parallel", a(`"Type":"Parallel","End":true,"Branches":[]`), `type "Parallel" is unknown or not supported`},
		{"Parallel", a(`"Type":"Parallel","End":true,"ItemProcessor":{}`), `type "Parallel" is unknown or not supported`},
		{"unknown field", a(`"Type":"Pass","End":true,"Foo":1`), `state "A": Pass: field "Foo" is unknown or not supported`},
		{"field in the wrong case", a(`"Type":"Pass","end":true`), `field "end"`},
		{"field of another type", a(`"Type":"Pass","End":true,"Retry":[]`), `field "Retry"`},
		{"Next and End", a(`"Type":"Pass","End":true,"Next":"A"`), "exactly one of Next and End"},
		{"neither Next nor End", a(`"Type":"Pass"`), "exactly one of Next and End"},
		{"Next to nowhere", a(`"Type":"Pass","Next":"B"`), `state "A": leads to state "B", which does not exist`},
		{"Catch to nowhere", task(`"Catch":[{"ErrorEquals":["X"],"Next":"B"}]`), `leads to state "B"`},
		{"Catch without Next", task(`"Catch":[{"ErrorEquals":["X"]}]`), `leads to state ""`},
		{
			"Default to nowhere",
			a(`"Type":"Choice","Choices":[{"Variable":"$.a","IsPresent":true,"Next":"A"}],"Default":"B"`),
			`leads to state "B"`,
		},
		{"InputPath", a(`"Type":"Pass","End":true,"InputPath":"$"`), `field "InputPath"`},
		{"OutputPath null", a(`"Type":"Pass","End":true,"OutputPath":null`), `path null`},
		{"Wait", a(`"Type":"Wait","End":true,"Seconds":1`), `type "Wait" is unknown or not supported`},
		{"ResultPath not to one place", a(`"Type":"Pass","End":true,"ResultPath":"$.a[*]"`), `path "$.a[*]"`},
		{"parameter path", parameters(`{"a":[{"x.$":"nope"}]}`), `path "nope"`},
		{"context object", parameters(`{"x.$":"$$.State.Name"}`), `path "$$.State.Name"`},
		{"parameter not text", parameters(`{"x.$":1}`), `path 1`},
		{"parameters no object", parameters(`[1]`), "not an object"},
		{"intrinsic function", parameters(`{"x.$":"States.UUID()"}`), `path "States.UUID()"`},
		{"choice without choices", a(`"Type":"Choice","Default":"A"`), "Choices is missing"},
		{"choice without Next", a(`"Type":"Choice","Choices":[{"Variable":"$.a","IsPresent":true}]`), "Next is missing"},
		{
			"choice operator",
			a(`"Type":"Choice","Choices":[{"Variable":"$.a","Is":true,"Next":"A"}]`),
			`operator "Is" is unknown`,
		},
		{"choice with End", a(`"Type":"Choice","End":true`), `field "End"`},
		{
			"unknown integration",
			a(`"Type":"Task","Resource":"arn:aws:states:::dynamodb:getItem","Parameters":{},"End":true`),
			"dynamodb:getItem",
		},
		{
			"callback",
			a(`"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{},"End":true`),
			"waitForTaskToken",
		},
		{
			"function as the resource",
			a(`"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","End":true`),
			"function:f",
		},
		{"task without resource", a(`"Type":"Task","End":true`), `resource ""`},
		{
			"integration without parameters",
			a(`"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true`),
			"must be QueueUrl and MessageBody",
		},
		{
			"missing parameter",
			a(`"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q"},"End":true`),
			"MessageBody",
		},
		{
			"unsupported parameter",
			a(
				`"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q","MessageBody":"b","DelaySeconds":5},"End":true`,
			),
			"must be QueueUrl and MessageBody",
		},
		{"heartbeat", task(`"HeartbeatSeconds":5`), `field "HeartbeatSeconds"`},
		{"timeout of zero", task(`"TimeoutSeconds":0`), "TimeoutSeconds is 0"},
		{"retry field", task(`"Retry":[{"ErrorEquals":["X"],"maxAttempts":5}]`), `field "maxAttempts"`},
		{"retry without errors", task(`"Retry":[{"MaxAttempts":5}]`), "Retry[0]: ErrorEquals"},
		{"wildcard not alone", task(`"Retry":[{"ErrorEquals":["X","States.ALL"]}]`), "not alone and last"},
		{
			"wildcard not last",
			task(`"Catch":[{"ErrorEquals":["States.ALL"],"Next":"A"},{"ErrorEquals":["X"],"Next":"A"}]`),
			"Catch[0]",
		},
		{"negative attempts", task(`"Retry":[{"ErrorEquals":["X"],"MaxAttempts":-1}]`), "MaxAttempts is negative"},
		{"backoff below one", task(`"Retry":[{"ErrorEquals":["X"],"BackoffRate":0.5}]`), "BackoffRate"},
		{
			"cap below interval",
			task(`"Retry":[{"ErrorEquals":["X"],"IntervalSeconds":5,"MaxDelaySeconds":5}]`),
			"MaxDelaySeconds",
		},
		{"jitter", task(`"Retry":[{"ErrorEquals":["X"],"JitterStrategy":"HALF"}]`), "JitterStrategy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := parse([]byte(tt.definition))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("parse: %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestParseAcceptsOurMachines(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"scan", "sweep"} {
		data, err := os.ReadFile("../../statemachine/" + name + ".asl.json")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parse(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
