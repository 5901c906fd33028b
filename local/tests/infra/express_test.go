package infra_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lazaret/lazaret/local/template"
)

// scans returns the state machines of an application but that of sweeps.
func scans(app *template.Application) []template.Machine {
	return slices.DeleteFunc(slices.Clone(app.Machines), func(m template.Machine) bool {
		return strings.HasSuffix(m.Name, "-sweep")
	})
}

// TestWorkflow: Workflow=EXPRESS adds a state machine with the same definition and the same role, of which dispatch
// knows. STANDARD has none of it.
func TestWorkflow(t *testing.T) {
	t.Parallel()
	standard, express := load(t, nil), load(t, map[string]string{"Workflow": "EXPRESS"})
	const variable = "EXPRESS_STATE_MACHINE_ARN"
	if got := function(t, standard, "dispatch").Environment[variable]; len(scans(standard)) != 1 || got != "" {
		t.Errorf("STANDARD: got %d state machines of scans, %s %q, want one and none", len(scans(standard)), variable, got)
	}
	if _, there := standard.Outputs["ExpressStateMachineArn"]; there {
		t.Error("STANDARD: got the output ExpressStateMachineArn, want none")
	}
	machines := scans(express)
	if len(machines) != 2 {
		t.Fatalf("EXPRESS: got %d state machines of scans, want two", len(machines))
	}
	i := slices.IndexFunc(machines, func(m template.Machine) bool { return m.Express })
	if i < 0 {
		t.Fatal("EXPRESS: got no state machine of type EXPRESS, want one")
	}
	small, large := machines[i], machines[1-i]
	if got := function(t, express, "dispatch").Environment[variable]; got != small.ARN {
		t.Errorf("EXPRESS: got %s %s, want %s", variable, got, small.ARN)
	}
	if got := express.Outputs["ExpressStateMachineArn"]; got != small.ARN {
		t.Errorf("EXPRESS: got output ExpressStateMachineArn %s, want %s", got, small.ARN)
	}
	if small.Name != large.Name+"-express" || large.ARN != express.Outputs["StateMachineArn"] {
		t.Errorf("EXPRESS: got the names %s and %s, want the ending -express", small.Name, large.Name)
	}
	if diff := cmp.Diff(string(large.Definition), string(small.Definition)); diff != "" {
		t.Errorf("definitions (-STANDARD +EXPRESS):\n%s", diff)
	}
	if diff := cmp.Diff(large.Policies, small.Policies); diff != "" {
		t.Errorf("policies (-STANDARD +EXPRESS):\n%s", diff)
	}
}

// TestExpressLogs: the log of EXPRESS executions has all of their history, which names objects. So it is encrypted with
// a key that CloudWatch Logs may use for this group alone.
func TestExpressLogs(t *testing.T) {
	t.Parallel()
	var group struct {
		LogGroupName    string `yaml:"LogGroupName"`
		RetentionInDays string `yaml:"RetentionInDays"`
		KmsKeyId        string `yaml:"KmsKeyId"`
	}
	properties(t, mainTemplate, "ExpressLogs", &group)
	if group.RetentionInDays != "LogRetentionDays" || group.KmsKeyId != "ExpressLogsKey.Arn" {
		t.Errorf("got %+v, want LogRetentionDays and ExpressLogsKey", group)
	}
	var machine struct {
		Logging struct {
			Level                string `yaml:"Level"`
			IncludeExecutionData bool   `yaml:"IncludeExecutionData"`
			Destinations         any    `yaml:"Destinations"`
		} `yaml:"Logging"`
	}
	properties(t, mainTemplate, "ExpressStateMachine", &machine)
	destination := []any{map[string]any{"CloudWatchLogsLogGroup": map[string]any{"LogGroupArn": "ExpressLogs.Arn"}}}
	if l := machine.Logging; l.Level != "ALL" || !l.IncludeExecutionData || !cmp.Equal(destination, l.Destinations) {
		t.Errorf("got logging %+v, want everything in ExpressLogs", l)
	}
	var key struct {
		EnableKeyRotation bool `yaml:"EnableKeyRotation"`
		KeyPolicy         struct {
			Statement []yaml.Node `yaml:"Statement"`
		} `yaml:"KeyPolicy"`
	}
	properties(t, mainTemplate, "ExpressLogsKey", &key)
	if !key.EnableKeyRotation || len(key.KeyPolicy.Statement) != 2 {
		t.Fatalf("got rotation %t, %d statements, want both: IAM, and the log group", key.EnableKeyRotation, len(key.KeyPolicy.Statement))
	}
	var logs struct {
		Principal map[string]string               `yaml:"Principal"`
		Condition map[string]map[string]yaml.Node `yaml:"Condition"`
	}
	if err := key.KeyPolicy.Statement[1].Decode(&logs); err != nil {
		t.Fatal(err)
	}
	arn := logs.Condition["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"]
	text, err := substitute(&arn)
	if err != nil {
		t.Fatal(err)
	}
	want := "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:" + group.LogGroupName
	if text != want || logs.Principal["Service"] != "logs.${AWS::Region}.amazonaws.com" {
		t.Errorf("got %s for %v, want CloudWatch Logs for %s", text, logs.Principal, want)
	}
}

// TestExpressLogsGoToDatadog: each log group that the nested template is given has a subscription of the same stream.
func TestExpressLogsGoToDatadog(t *testing.T) {
	t.Parallel()
	type subscription struct {
		LogGroupName   string `yaml:"LogGroupName"`
		FilterPattern  string `yaml:"FilterPattern"`
		DestinationArn string `yaml:"DestinationArn"`
		RoleArn        string `yaml:"RoleArn"`
	}
	got := map[string]subscription{}
	for id := range resourcesOfType(t, datadogTemplate, "AWS::Logs::SubscriptionFilter") {
		var s subscription
		properties(t, datadogTemplate, id, &s)
		got[s.LogGroupName] = s
	}
	want := map[string]subscription{}
	for _, group := range []string{"LogGroupName", "ExpressLogGroupName"} {
		want[group] = subscription{LogGroupName: group, DestinationArn: "LogDelivery.Arn", RoleArn: "LogRole.Arn"}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subscriptions (-want +got):\n%s", diff)
	}
	var nested struct {
		Parameters map[string]yaml.Node `yaml:"Parameters"`
	}
	properties(t, mainTemplate, "Datadog", &nested)
	group := nested.Parameters["ExpressLogGroupName"]
	var choice []string
	err := group.Decode(&choice)
	if err != nil || group.Tag != "!If" || !slices.Equal(choice, []string{"Express", "ExpressLogs", ""}) {
		t.Errorf("got ExpressLogGroupName %s %q, %v, want the group if there is one", group.Tag, choice, err)
	}
}
