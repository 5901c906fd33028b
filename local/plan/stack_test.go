package plan

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lazaret/lazaret/local/template"
)

const root = "../.."

// TestStack compares what the plan knows of the stack with the template.
func TestStack(t *testing.T) {
	t.Parallel()
	app, err := template.Load(filepath.Join(root, "template.yaml"), template.Options{
		Parameters: map[string]string{"BucketLayout": "three-bucket", "GuardDutyEvents": "true"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := maps.Clone(stack.memory)
	got["scan"] = stack.scanMemory
	want := map[string]int{}
	for _, f := range app.Functions {
		want[f.Short] = f.MemoryMB
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("memory of the functions (-template +plan):\n%s", diff)
	}
	text := read(t, "template.yaml")
	for _, line := range []string{
		"EphemeralStorage: {Size: 10240}", "rate(3 hours)", "Default: rate(6 hours)", "MaxConcurrentScans:", "Default: 20", "Default: 3008",
		"LogFormat: JSON", "Tracing: Active",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("template.yaml has no %q, which the plan counts on", line)
		}
	}
	if got, want := alarmMetrics(t), stack.alarmMetrics; got != want {
		t.Errorf("the plan counts %g metrics of alarms, infra/observability.yaml has %g", want, got)
	}
	if !strings.Contains(read(t, "functions/fetch/download.go"), "partSize = 8 << 20") {
		t.Errorf("fetch has parts of another size than %d bytes", partSize)
	}
	if !strings.Contains(read(t, "functions/dispatch/express.go"), "maxExpressSize = 64 << 20") {
		t.Errorf("dispatch has another limit of the express lane than %d bytes", expressLimit)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// alarmMetrics counts the metrics that the alarms look at, which is what is billed.
func alarmMetrics(t *testing.T) (n float64) {
	t.Helper()
	var infra struct {
		Resources map[string]struct {
			Type       string `yaml:"Type"`
			Properties struct {
				MetricName string `yaml:"MetricName"`
				Metrics    []struct {
					MetricStat any `yaml:"MetricStat"`
				} `yaml:"Metrics"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	// Only the structure counts: CloudFormation's tags are left to the decoder as plain values.
	tags := regexp.MustCompile(`!(Sub|Ref|GetAtt|If|Not|Equals|Join|Split|Select)\b`)
	text := tags.ReplaceAllString(read(t, "infra/observability.yaml"), "")
	if err := yaml.Unmarshal([]byte(text), &infra); err != nil {
		t.Fatal(err)
	}
	for _, r := range infra.Resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		if r.Properties.MetricName != "" {
			n++
		}
		for _, m := range r.Properties.Metrics {
			if m.MetricStat != nil {
				n++
			}
		}
	}
	return n
}

// aslState is what TestStates reads of a state.
type aslState struct {
	Type, Next, Default string
	Choices             []choice
}

type choice struct {
	And           []choice
	Variable      string
	StringEquals  *string
	BooleanEquals *bool
	IsPresent     *bool
	Next          string
}

// holds reports whether a choice is taken. Comparisons of numbers never hold: no sample object needs one that does.
func (c choice) holds(job map[string]any) bool {
	if c.And != nil {
		return !slices.ContainsFunc(c.And, func(part choice) bool { return !part.holds(job) })
	}
	v, present := job[c.Variable]
	switch {
	case c.IsPresent != nil:
		return present == *c.IsPresent
	case c.StringEquals != nil:
		return v == *c.StringEquals
	case c.BooleanEquals != nil:
		return v == *c.BooleanEquals
	}
	return false
}

// TestStates walks the state machine from its beginning to its end.
func TestStates(t *testing.T) {
	t.Parallel()
	var machine struct {
		StartAt string
		States  map[string]aslState
	}
	if err := json.Unmarshal([]byte(read(t, "statemachine/scan.asl.json")), &machine); err != nil {
		t.Fatal(err)
	}
	verdicts := map[End]string{Kept: "CLEAN", Promoted: "CLEAN", Infected: "INFECTED", Unscannable: "UNSCANNABLE"}
	for _, events := range []bool{false, true} {
		for end, verdict := range verdicts {
			job := map[string]any{
				"$.scan.verdict": verdict, "$.policy.promoteClean": end == Promoted,
				"$.policy.announceClean": false, "$.policy.quarantineUnscannable": false,
				"$.policy.guardDutyEvents": events,
			}
			var want []state
			for name := machine.StartAt; name != ""; {
				s := machine.States[name]
				want = append(want, state{name, s.Type})
				name = s.Next
				if s.Type == "Choice" {
					name = s.Default
					if i := slices.IndexFunc(s.Choices, func(c choice) bool { return c.holds(job) }); i >= 0 {
						name = s.Choices[i].Next
					}
				}
			}
			if diff := cmp.Diff(want, object{end: end, events: events}.states(), cmp.AllowUnexported(state{})); diff != "" {
				t.Errorf("states of an object that is %s, events %t (-machine +plan):\n%s", end, events, diff)
			}
		}
	}
}
