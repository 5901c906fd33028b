package states

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestValidateRejects(t *testing.T) {
	t.Parallel()
	machine := func(states string) string { return `{"StartAt":"A","States":{` + states + `}}` }
	a := func(fields string) string { return machine(`"A":{` + fields + `}`) }
	task := func(fields string) string {
		return a(`"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},"End":true,` + fields)
	}
	tests := []struct{ name, definition, want string }{
		{"no JSON", `{`, "parse definition"},
		{"null", `null`, "parse definition"},
		{"unknown top field", `{"StartAt":"A","States":{},"Extra":1}`, `field "Extra"`},
		{"no StartAt", `{"States":{}}`, "StartAt is missing"},
		{"StartAt to nowhere", machine(``), `StartAt names state "A"`},
		{"JSONata", `{"QueryLanguage":"JSONata","StartAt":"A","States":{}}`, "JSONata"},
		{"version", `{"Version":"2.0","StartAt":"A","States":{}}`, "version"},
		{"machine timeout", `{"TimeoutSeconds":0,"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`, "TimeoutSeconds"},
		{"unknown type", a(`"Type":"Tsk"`), `state "A": unknown Type "Tsk"`},
		{"no type", a(`"End":true`), `unknown Type ""`},
		{"long name", `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"` + strings.Repeat("x", 81) + `"},"` + strings.Repeat("x", 81) + `":{"Type":"Succeed"}}}`, "81 characters"},
		{"unknown field", a(`"Type":"Pass","End":true,"Foo":1`), `state "A": Pass: field "Foo" is unknown or not supported`},
		{"field in the wrong case", a(`"Type":"Pass","end":true`), `field "end"`},
		{"field of another type", a(`"Type":"Pass","End":true,"Retry":[]`), `field "Retry"`},
		{"Assign", a(`"Type":"Pass","End":true,"Assign":{}`), `field "Assign"`},
		{"state in JSONata", a(`"Type":"Pass","End":true,"QueryLanguage":"JSONata"`), "JSONata"},
		{"Next and End", a(`"Type":"Pass","End":true,"Next":"A"`), "exclude each other"},
		{"neither Next nor End", a(`"Type":"Pass"`), "one of the fields Next, End is missing"},
		{"End false", a(`"Type":"Pass","End":false`), "End is not true"},
		{"Next to nowhere", a(`"Type":"Pass","Next":"B"`), `state "A": leads to state "B", which does not exist`},
		{"unreachable", machine(`"A":{"Type":"Succeed"},"B":{"Type":"Succeed"}`), `state "B": nothing leads to it`},
		{"Catch to nowhere", task(`"Catch":[{"ErrorEquals":["X"],"Next":"B"}]`), `leads to state "B"`},
		{"InputPath", a(`"Type":"Pass","End":true,"InputPath":"x"`), "InputPath"},
		{"ResultPath not a reference", a(`"Type":"Pass","End":true,"ResultPath":"$.a[*]"`), "not a reference path"},
		{"parameter path", a(`"Type":"Pass","End":true,"Parameters":{"x.$":"nope"}`), `Parameters: field "x.$"`},
		{"parameter not text", a(`"Type":"Pass","End":true,"Parameters":{"x.$":1}`), `field "x.$" is not a string`},
		{"parameter twice", a(`"Type":"Pass","End":true,"Parameters":{"x.$":"$","x":1}`), "both with and without"},
		{"unknown function", a(`"Type":"Pass","End":true,"Parameters":{"x.$":"States.Foo()"}`), `"States.Foo" is unknown`},
		{"wait without time", a(`"Type":"Wait","End":true`), "one of the fields Seconds"},
		{"wait with two times", a(`"Type":"Wait","End":true,"Seconds":1,"Timestamp":"2020-01-01T00:00:00Z"`), "exclude each other"},
		{"negative wait", a(`"Type":"Wait","End":true,"Seconds":-1`), "Seconds is -1"},
		{"wait for no timestamp", a(`"Type":"Wait","End":true,"Timestamp":"noon"`), "Timestamp"},
		{"choice without choices", a(`"Type":"Choice","Default":"A"`), "Choices is missing"},
		{"choice without Next", a(`"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true}]`), "Choices[0]: Next is missing"},
		{"choice operator", a(`"Type":"Choice","Choices":[{"Variable":"$.a","Is":true,"Next":"A"}]`), `Choices[0]: operator "Is" is unknown`},
		{"choice with End", a(`"Type":"Choice","End":true`), `field "End"`},
		{"fail with both", a(`"Type":"Fail","Error":"E","ErrorPath":"$.e"`), "exclude each other"},
		{"unknown integration", a(`"Type":"Task","Resource":"arn:aws:states:::dynamodb:getItem","Parameters":{},"End":true`), "dynamodb:getItem"},
		{"callback", a(`"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{},"End":true`), "waitForTaskToken"},
		{"unknown resource", a(`"Type":"Task","Resource":"arn:aws:states:us-east-1:0:activity:x","End":true`), "activity"},
		{"task without resource", a(`"Type":"Task","End":true`), "Resource is missing"},
		{"integration without parameters", a(`"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true`), "Parameters is missing"},
		{"missing parameter", a(`"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q"},"End":true`), "MessageBody"},
		{"unsupported parameter", a(`"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q","MessageBody":"b","DelaySeconds":5},"End":true`), `field "DelaySeconds"`},
		{"heartbeat", task(`"HeartbeatSeconds":5`), `field "HeartbeatSeconds"`},
		{"two timeouts", task(`"TimeoutSeconds":5,"TimeoutSecondsPath":"$.t"`), "exclude each other"},
		{"timeout of zero", task(`"TimeoutSeconds":0`), "TimeoutSeconds is 0"},
		{"retry field", task(`"Retry":[{"ErrorEquals":["X"],"maxAttempts":5}]`), `Retry[0]: field "maxAttempts"`},
		{"retry without errors", task(`"Retry":[{"MaxAttempts":5}]`), "ErrorEquals"},
		{"wildcard not alone", task(`"Retry":[{"ErrorEquals":["X","States.ALL"]}]`), "does not stand alone"},
		{"wildcard not last", task(`"Catch":[{"ErrorEquals":["States.ALL"],"Next":"A"},{"ErrorEquals":["X"],"Next":"A"}]`), "not in the last entry"},
		{"negative attempts", task(`"Retry":[{"ErrorEquals":["X"],"MaxAttempts":-1}]`), "MaxAttempts is -1"},
		{"backoff below one", task(`"Retry":[{"ErrorEquals":["X"],"BackoffRate":0.5}]`), "BackoffRate"},
		{"cap below interval", task(`"Retry":[{"ErrorEquals":["X"],"IntervalSeconds":5,"MaxDelaySeconds":5}]`), "MaxDelaySeconds"},
		{"jitter", task(`"Retry":[{"ErrorEquals":["X"],"JitterStrategy":"HALF"}]`), "JitterStrategy"},
		{"catch without Next", task(`"Catch":[{"ErrorEquals":["X"]}]`), "Catch[0]: Next is missing"},
		{"no branches", a(`"Type":"Parallel","End":true,"Branches":[]`), "Branches"},
		{"error in a branch", a(`"Type":"Parallel","End":true,"Branches":[{"StartAt":"B","States":{"B":{"Type":"Nope"}}}]`), `Branches[0]: state "B": unknown Type`},
		{"branch leads out", a(`"Type":"Parallel","End":true,"Branches":[{"StartAt":"B","States":{"B":{"Type":"Pass","Next":"A"}}}]`), `state "B": leads to state "A"`},
		{"name used twice", a(`"Type":"Parallel","End":true,"Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}]`), "used twice"},
		{"map without processor", a(`"Type":"Map","End":true`), "ItemProcessor"},
		{"distributed map", a(`"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED"},"StartAt":"B","States":{"B":{"Type":"Succeed"}}}`), "DISTRIBUTED"},
		{"map reader", a(`"Type":"Map","End":true,"ItemReader":{}`), `field "ItemReader"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := Validate([]byte(tt.definition))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Validate: %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestValidateAcceptsOurMachines(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../statemachine/scan.asl.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("statemachine/scan.asl.json is missing: %v", err)
	}
	more, err := filepath.Glob("testdata/*.asl.json")
	if err != nil || len(more) == 0 {
		t.Fatalf("testdata has no machines: %v", err)
	}
	for _, file := range append(files, more...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			if err := Validate(readFile(t, file)); err != nil {
				t.Error(err)
			}
		})
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(fmt.Errorf("read test file: %w", err))
	}
	return data
}
