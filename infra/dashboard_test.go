package infra

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// widget is as much of CloudWatch's dashboard format as is used here:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
type widget struct {
	Type       string
	X, Y       int
	Width      int
	Height     int
	Properties struct {
		Title, Region, View, Stat string
		Stacked                   bool
		Period                    int
		Alarms                    []string
		Metrics                   [][]any
	}
}

var reference = regexp.MustCompile(`\$\{([^}]+)\}`)

// dashboard returns the widgets, references in them left as they are.
func dashboard(t *testing.T) (body string, widgets []widget) {
	t.Helper()
	var r struct {
		Properties struct {
			DashboardBody string `yaml:"DashboardBody"`
		} `yaml:"Properties"`
	}
	node := resources(t, "observability.yaml")["Dashboard"]
	if err := node.Decode(&r); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(r.Properties.DashboardBody))
	d.DisallowUnknownFields()
	var parsed struct{ Widgets []widget }
	if err := d.Decode(&parsed); err != nil {
		t.Fatalf("the dashboard is no JSON: %v", err)
	}
	return r.Properties.DashboardBody, parsed.Widgets
}

// TestDashboard asks of every line of every graph what TestAlarms asks of an
// alarm's metric.
func TestDashboard(t *testing.T) {
	t.Parallel()
	_, widgets := dashboard(t)
	shown := map[string]bool{}
	for _, w := range widgets {
		t.Run(w.Properties.Title, func(t *testing.T) {
			if w.X+w.Width > 24 || w.Width < 1 || w.Height < 1 {
				t.Errorf("it reaches from %d over %d columns of 24", w.X, w.Width)
			}
			for _, other := range widgets {
				if other.Properties.Title != w.Properties.Title && w.X < other.X+other.Width && other.X < w.X+w.Width &&
					w.Y < other.Y+other.Height && other.Y < w.Y+w.Height {
					t.Errorf("it lies over %q", other.Properties.Title)
				}
			}
			if w.Type == "metric" {
				w.test(t, shown)
			}
		})
	}
	for _, name := range []string{
		"Verdicts CLEAN", "Verdicts INFECTED", "Verdicts UNSCANNABLE", "ScanDuration p50", "ScanDuration p95", "Duration p95",
		"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage", "ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed",
		"DefinitionsAge Minimum", "Throttles Sum", "ConcurrentExecutions Maximum", "UpdateOutcome", "CanaryFailures", "Gone ObjectGone", "Gone ObjectChanged",
	} {
		if !shown[name] {
			t.Errorf("no graph shows %s", name)
		}
	}
}

// search is the form of the one expression that finds metrics itself.
var search = regexp.MustCompile(`^SEARCH\('\{Lazaret,Stack,(\w+)\} MetricName="(\w+)" Stack="\$\{Name\}"', 'Sum', \d+\)$`)

func (w widget) test(t *testing.T, shown map[string]bool) {
	if w.Properties.Region != "${AWS::Region}" || w.Properties.View != "timeSeries" || w.Properties.Period < 60 || len(w.Properties.Metrics) == 0 {
		t.Errorf("half a graph: %+v", w.Properties)
	}
	ids := map[string]bool{}
	var formulas []string
	for _, row := range w.Properties.Metrics {
		options, _ := row[len(row)-1].(map[string]any)
		if options != nil {
			row = row[:len(row)-1]
		}
		if id, named := options["id"].(string); named {
			ids[id] = true
		}
		if formula, is := options["expression"].(string); is {
			if found := search.FindStringSubmatch(formula); found != nil {
				watched{"Lazaret", found[2], dimensions{"Stack": "${Name}", found[1]: "*"}}.check(t)
				shown[found[2]] = true
			} else {
				formulas = append(formulas, formula)
			}
			continue
		}
		var words []string
		for _, cell := range row {
			word, is := cell.(string)
			if !is {
				t.Fatalf("%v is no metric", row)
			}
			words = append(words, word)
		}
		if len(words) < 4 || len(words)%2 != 0 {
			t.Fatalf("%q is no metric", words)
		}
		m := watched{words[0], words[1], dimensions{}}
		for pair := range slices.Chunk(words[2:], 2) {
			m.Dimensions[pair[0]] = pair[1]
		}
		m.check(t)
		stat, own := options["stat"].(string)
		if !own && w.Properties.Stat == "" {
			t.Errorf("%s has no statistic", m.MetricName)
		}
		for _, kind := range []string{"", " " + stat, " " + m.Dimensions["Verdict"], " " + m.Dimensions["Cause"]} {
			shown[m.MetricName+kind] = true
		}
	}
	for _, formula := range formulas {
		input, _, _ := strings.Cut(formula, " ")
		if !ids[input] {
			t.Errorf("%q speaks of no line of this graph", formula)
		}
	}
}

// TestDashboardRefersToWhatIsThere: Fn::Sub would fail the deployment.
func TestDashboardRefersToWhatIsThere(t *testing.T) {
	t.Parallel()
	var template struct {
		Parameters map[string]yaml.Node `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(file(t, "observability.yaml"), &template); err != nil {
		t.Fatal(err)
	}
	body, widgets := dashboard(t)
	there := alarms(t, "observability.yaml")
	for _, found := range reference.FindAllStringSubmatch(body, -1) {
		id, isARN := strings.CutSuffix(found[1], ".Arn")
		_, isAlarm := there[id]
		if _, isParameter := template.Parameters[id]; !isParameter && !(isARN && isAlarm) && id != "AWS::Region" {
			t.Errorf("there is no %s", found[0])
		}
	}
	// What is substituted has nothing in it that JSON would have to escape.
	if values := reference.ReplaceAllString(body, "arn:aws:x:us-east-1:0:a/b"); !json.Valid([]byte(values)) {
		t.Error("with values it is no JSON")
	}
	var want []string
	for id := range maps.Keys(there) {
		want = append(want, "${"+id+".Arn}")
	}
	got := slices.Sorted(slices.Values(widgets[0].Properties.Alarms))
	if slices.Sort(want); !slices.Equal(want, got) {
		t.Errorf("it shows other alarms than there are (-there +shown):\n%s", cmp.Diff(want, got))
	}
}
