package template

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is an application in which, of a machine's definition, only what
// substitution decides is shown: the rest is written in the definition itself.
type golden struct {
	Application
	Machines []goldenMachine
}

type goldenMachine struct {
	Machine
	Definition struct {
		States map[string]struct {
			Parameters json.RawMessage `json:",omitempty"`
		}
	}
}

// TestLoadTemplate holds what the local stack runs of the real template, for
// both layouts and with the parameters that change policies.
func TestLoadTemplate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		parameters map[string]string
	}{
		{"two-bucket", nil},
		{"three-bucket", map[string]string{
			"BucketLayout": "three-bucket", "ReadGate": "not-infected", "AllowCopyInto": "true", "MaxConcurrentScans": "0",
			"Workflow":            "EXPRESS",
			"TrustedReaderArns":   "arn:aws:iam::000000000000:role/reader, arn:aws:iam::000000000000:user/auditor",
			"QuarantineReaderArn": "arn:aws:iam::000000000000:role/responder", "AnnounceClean": "true",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			app, err := Load("../../template.yaml", Options{Parameters: test.parameters})
			if err != nil {
				t.Fatal(err)
			}
			view := golden{Application: *app}
			for _, m := range app.Machines {
				shown := goldenMachine{Machine: m}
				if err := json.Unmarshal(m.Definition, &shown.Definition); err != nil {
					t.Fatal(err)
				}
				view.Machines = append(view.Machines, shown)
			}
			got, err := json.MarshalIndent(view, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			path := filepath.Join("testdata", test.name+".golden.json")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("application differs from %s (go test -update writes it anew):\n%s", path, diff)
			}
		})
	}
}

// TestLoadParts compares single parts of applications that small templates ask for.
func TestLoadParts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		file string
		part func(*Application) any
		want string
	}{
		{"intrinsic functions", "intrinsics.yaml", func(a *Application) any { return a.Functions[0].Environment }, `{
			"Branch": "yes", "Coma": "000000000000", "Equal": "yes", "GetAttText": "arn:aws:sqs:us-east-1:000000000000:st-Named",
			"Joined": "a-b-7", "Literal": "${NotReplaced} st", "Nested": "Net.Outputs.Ids", "Partition": "aws.amazonaws.com", "Placeholder": "Net",
			"Role": "arn:aws:iam::000000000000:role/st-WorkerRole", "Select": "c", "Split": "a+c", "Variables": "st/one/us-east-1"}`},
		{
			"no value goes with its property",
			"intrinsics.yaml",
			func(a *Application) any { return a.Functions[0].Reserved },
			`null`,
		},
		{"globals", "functions.yaml", func(a *Application) any { return a.Functions }, `[
			{"LogicalID": "Alone", "Name": "st-Alone", "Short": "Alone", "ARN": "arn:aws:lambda:us-east-1:000000000000:function:st-Alone",
			 "RoleARN": "arn:aws:iam::000000000000:role/st-AloneRole", "MemoryMB": 256, "Timeout": 20000000000, "Reserved": null,
			 "Environment": {"A": "shared", "B": "1", "C": "true"}, "Mounts": [{"Path": "/mnt/x", "Root": "/deep"}],
			 "Sources": null, "Schedules": null},
			{"LogicalID": "Merged", "Name": "st-merged", "Short": "merged", "ARN": "arn:aws:lambda:us-east-1:000000000000:function:st-merged",
			 "RoleARN": "arn:aws:iam::000000000000:role/shared", "MemoryMB": 512, "Timeout": 20000000000, "Reserved": 2,
			 "Environment": {"A": "own", "B": "1", "C": "true"},
			 "Mounts": [{"Path": "/mnt/x", "Root": "/deep"}, {"Path": "/mnt/y", "Root": "/"}],
			 "Sources": [{"QueueARN": "arn:aws:sqs:us-east-1:000000000000:in", "BatchSize": 5, "MaxConcurrency": 3,
			  "ReportFailures": true}],
			 "Schedules": [{"Expression": "rate(3 hours)", "Input": "{}"}]}]`},
		{"a false condition takes the resource away", "functions.yaml", func(a *Application) any { return a.Topics }, `null`},
		{"rule", "rules.json", func(a *Application) any { return a.Rules }, `[
			{"Name": "st-Rule", "Pattern": {"source": ["x"]}, "Targets": [{"ID": "dead", "ARN": "arn:aws:sqs:us-east-1:000000000000:st-Q"}]}]`},
		{"bucket", "rules.json", func(a *Application) any { return a.Buckets }, `[
			{"Name": "st-store", "Versioned": false, "EventBridge": true, "Notifications": [
				{"Event": "s3:ObjectCreated:*", "QueueARN": "arn:aws:sqs:us-east-1:000000000000:st-Q", "Prefix": "in/", "Suffix": ".txt"}], "Policy": null}]`},
		{"queue with defaults and redrive", "rules.json", func(a *Application) any { return a.Queues }, `[
			{"Name": "st-Q", "ARN": "arn:aws:sqs:us-east-1:000000000000:st-Q", "VisibilityTimeout": 30000000000,
			 "Retention": 345600000000000,
			 "DeadLetterARN": "arn:aws:sqs:us-east-1:000000000000:st-Q", "MaxReceiveCount": 4}]`},
		{"target with an input", "express.yaml", func(a *Application) any { return a.Rules[0].Targets }, `[
			{"ID": "permits", "ARN": "arn:aws:sqs:us-east-1:000000000000:st-Permits", "Input": "{\"permit\":1}"}]`},
		{
			"express machine with its log",
			"express.yaml",
			func(a *Application) any {
				return []any{a.Machines[0].ARN, a.Machines[0].Express, a.Machines[0].LogGroup}
			},
			`["arn:aws:states:us-east-1:000000000000:stateMachine:st-scan-express", true, "/aws/vendedlogs/states/st-express"]`,
		},
		{
			"definition with its substitution",
			"rules.json",
			func(a *Application) any { return json.RawMessage(a.Machines[0].Definition) },
			`{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:sqs:us-east-1:000000000000:st-Q", "End": true}}}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			app, err := Load(filepath.Join("testdata", test.file), Options{StackName: "st"})
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(test.part(app))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parsed(t, test.want), parsed(t, string(text))); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
		})
	}
}

func parsed(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return v
}

// TestLoadErrors wants errors that name what is wrong and where.
func TestLoadErrors(t *testing.T) {
	t.Parallel()
	const queue = "{Type: 'AWS::SQS::Queue', Properties: {QueueName: %}}"
	property := func(value string) string { return "Resources:\n  Q: " + strings.Replace(queue, "%", value, 1) }
	tests := []struct {
		name, template string
		want           []string
	}{
		{"no template", "hello", []string{"not a CloudFormation template"}},
		{"not YAML", "Resources: [", []string{"line 1"}},
		{"reference to nothing", property("!Ref Nope"), []string{"resource Q", "QueueName", `"Nope"`}},
		{"attribute of nothing", property("!GetAtt Nope.Arn"), []string{"resource Q", `"Nope"`}},
		{
			"unknown attribute",
			property("!GetAtt P.Color") + "\n  P: {Type: 'AWS::SQS::Queue'}",
			[]string{"resource Q", "P has no attribute Color"},
		},
		{"name of itself", property("!GetAtt Q.QueueName"), []string{"depends on itself"}},
		{"substitution of nothing", property("!Sub 'a-${Nope}'"), []string{"Fn::Sub", "${Nope}"}},
		{"unknown function", property("!Cidr [a, 1, 2]"), []string{"Fn::Cidr", "not supported"}},
		{"unknown condition", property("!If [Nope, a, b]"), []string{"Fn::If", `condition "Nope"`}},
		{"key twice", "Resources:\n  Q: {Type: a}\n  Q: {Type: b}", []string{"line 3", "already defined"}},
		{"merge key", "Resources:\n  Q: &a {Type: b}\n  P: {<<: *a}", []string{"line 3", "merge"}},
		{"anchor in itself", "Resources: &a\n  Q: *a", []string{"contains itself"}},
		{"condition in a circle", "Conditions: {A: !Not [!Condition A]}\nResources: {}", []string{"condition A"}},
		{
			"reference to what a condition removed",
			"Conditions: {Never: !Equals [a, b]}\nResources:\n  P: {Type: 'AWS::SQS::Queue', Condition: Never}\n  " + "Q: " + strings.Replace(
				queue,
				"%",
				"!Ref P",
				1,
			),
			[]string{"P does not exist", "Never is false"},
		},
		{
			"unknown event",
			"Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Events: {E: {Type: Api}}}}}",
			[]string{"resource F", "event E", `"Api"`},
		},
		{
			"batching window",
			"Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Events: {E: {Type: SQS, Properties: {MaximumBatchingWindowInSeconds: 1}}}}}}",
			[]string{"event E", "window"},
		},
		{
			"definition that is not there",
			"Resources: {M: {Type: 'AWS::Serverless::StateMachine', Properties: {DefinitionUri: nope.json}}}",
			[]string{"resource M", "nope.json"},
		},
		{
			"substitution that is not given",
			"Resources: {M: {Type: 'AWS::Serverless::StateMachine', Properties: {DefinitionUri: machine.asl.json}}}",
			[]string{"resource M", "${Q}"},
		},
		{
			"index beyond the list",
			"Resources: {T: {Type: 'AWS::SNS::Topic', Properties: {TopicName: !Select [2, !Split [',', 'a,b']]}}}",
			[]string{"resource T", "Fn::Select", "within the list"},
		},
		{
			"inline definition",
			"Resources: {M: {Type: 'AWS::Serverless::StateMachine', Properties: {Definition: {}}}}",
			[]string{"resource M", "DefinitionUri"},
		},
		{
			"schedule as a rule",
			"Resources: {R: {Type: 'AWS::Events::Rule', Properties: {ScheduleExpression: rate(1 day)}}}",
			[]string{"resource R", "EventPattern"},
		},
		{
			"target with a path",
			"Resources: {R: {Type: 'AWS::Events::Rule', Properties: {EventPattern: {a: [b]}, Targets: [{Id: x, Arn: y, InputPath: z}]}}}",
			[]string{"resource R", "as it is"},
		},
		{
			"target with an input that is no JSON",
			"Resources: {R: {Type: 'AWS::Events::Rule', Properties: {EventPattern: {a: [b]}, Targets: [{Id: x, Arn: y, Input: z}]}}}",
			[]string{"resource R", "target x", `"z" is not JSON`},
		},
		{
			"schedule with an input that is no JSON",
			"Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Events: {E: {Type: ScheduleV2, Properties: {Input: z}}}}}}",
			[]string{"event E", `"z" is not JSON`},
		},
		{
			"concurrency that AWS refuses",
			"Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Events: {E: {Type: SQS, Properties: {ScalingConfig: {MaximumConcurrency: 1}}}}}}}",
			[]string{"event E", "MaximumConcurrency is 1", "2 to 1000"},
		},
		{
			"batch of none",
			"Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Events: {E: {Type: SQS, Properties: {BatchSize: 0}}}}}}",
			[]string{"event E", "1 to 10 messages"},
		},
		{
			"message that is visible before the function is done",
			"Resources: {Q: {Type: 'AWS::SQS::Queue'}, F: {Type: 'AWS::Serverless::Function', " +
				"Properties: {Timeout: 31, Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}}}}}",
			[]string{"resource F", "Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds"},
		},
		{
			"express machine that logs failures only",
			"Resources: {M: {Type: 'AWS::Serverless::StateMachine', Properties: {Type: EXPRESS, DefinitionUri: x, Logging: {Level: ERROR}}}}",
			[]string{"resource M", "level ALL"},
		},
		{
			"express machine that logs to nowhere",
			"Resources: {M: {Type: 'AWS::Serverless::StateMachine', Properties: {Type: EXPRESS, DefinitionUri: x, " +
				"Logging: {Level: ALL, IncludeExecutionData: true, Destinations: [{}]}}}}",
			[]string{"resource M", "log group"},
		},
		{
			"unknown type of machine",
			"Resources: {M: {Type: 'AWS::Serverless::StateMachine', Properties: {Type: FAST, DefinitionUri: x}}}",
			[]string{"resource M", `"FAST"`},
		},
		{
			"event that is switched off",
			"Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Events: {E: {Type: ScheduleV2, Properties: {State: DISABLED}}}}}}",
			[]string{"event E", "State"},
		},
		{
			"delay",
			"Resources: {Q: {Type: 'AWS::SQS::Queue', Properties: {DelaySeconds: 5}}}",
			[]string{"resource Q", "delays"},
		},
		{
			"fifo",
			"Resources: {Q: {Type: 'AWS::SQS::Queue', Properties: {FifoQueue: 'true'}}}",
			[]string{"resource Q", "FIFO"},
		},
		{
			"bucket to topic",
			"Resources: {B: {Type: 'AWS::S3::Bucket', Properties: {NotificationConfiguration: {TopicConfigurations: []}}}}",
			[]string{"resource B", "queues"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "template.yaml")
			if err := os.WriteFile(path, []byte(test.template), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(filepath.Dir(path), os.DirFS("testdata")); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path, Options{})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(test.want, path) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}
