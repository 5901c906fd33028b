package infra_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// widget is a part of a dashboard, with the fields of CloudWatch's format that are used here:
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

// reference matches a reference in a !Sub.
var reference = regexp.MustCompile(`\$\{([^}]+)\}`)

// dashboard returns the dashboard's JSON, with its references, and its widgets.
func dashboard(t *testing.T) (body string, widgets []widget) {
	t.Helper()
	var board struct {
		DashboardBody string `yaml:"DashboardBody"`
	}
	properties(t, observabilityTemplate, "Dashboard", &board)
	d := json.NewDecoder(strings.NewReader(board.DashboardBody))
	d.DisallowUnknownFields()
	var parsed struct{ Widgets []widget }
	if err := d.Decode(&parsed); err != nil {
		t.Fatalf("read the dashboard as JSON: %v", err)
	}
	return board.DashboardBody, parsed.Widgets
}

// TestDashboard checks each metric of each graph as TestAlarms checks the metrics of alarms, and lists what must be
// shown.
func TestDashboard(t *testing.T) {
	t.Parallel()
	_, widgets := dashboard(t)
	shown := map[string]bool{}
	for _, w := range widgets {
		t.Run(w.Properties.Title, func(t *testing.T) {
			if w.X+w.Width > 24 || w.Width < 1 || w.Height < 1 {
				t.Errorf("got column %d, width %d, height %d, want it within 24 columns", w.X, w.Width, w.Height)
			}
			for _, other := range widgets {
				if other.Properties.Title != w.Properties.Title && w.X < other.X+other.Width && other.X < w.X+w.Width &&
					w.Y < other.Y+other.Height && other.Y < w.Y+w.Height {
					t.Errorf("got a place that %q covers too, want it free", other.Properties.Title)
				}
			}
			switch w.Type {
			case "metric":
				w.check(t, shown)
			case "alarm":
			default:
				t.Errorf("got type %q, want metric or alarm", w.Type)
			}
		})
	}
	for _, name := range []string{
		"Verdicts CLEAN", "Verdicts INFECTED", "Verdicts UNSCANNABLE", "ScanDuration p50", "ScanDuration p95",
		"Duration p95", "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage", "ExecutionsStarted",
		"ExecutionsSucceeded", "ExecutionsFailed", "DefinitionsAge Minimum", "Throttles Sum",
		"ConcurrentExecutions Maximum", "UpdateOutcome", "CanaryFailures", "Gone ObjectGone", "Gone ObjectChanged",
	} {
		if !shown[name] {
			t.Errorf("got no graph of %s, want one", name)
		}
	}
}

// search matches the expression that finds all metrics of one name.
var search = regexp.MustCompile(
	`^SEARCH\('\{Lazaret,Stack,(\w+)\} MetricName="(\w+)" Stack="\$\{Name\}"', 'Sum', \d+\)$`)

// check checks the metrics of a graph and adds them to those that are shown.
func (w widget) check(t *testing.T, shown map[string]bool) {
	p := w.Properties
	if p.Region != "${AWS::Region}" || p.View != "timeSeries" || p.Period < 60 || len(p.Metrics) == 0 {
		t.Errorf("got %+v, want a time series of this region with metrics and a period of 60 at least", p)
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
				metric := watched{
					Namespace: "Lazaret", MetricName: found[2], Dimensions: dimensions{"Stack": "${Name}", found[1]: "*"},
				}
				metric.check(t)
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
				t.Fatalf("got %v, want texts", row)
			}
			words = append(words, word)
		}
		if len(words) < 4 || len(words)%2 != 0 {
			t.Fatalf("got %q, want namespace, name and pairs of dimensions", words)
		}
		m := watched{Namespace: words[0], MetricName: words[1], Dimensions: dimensions{}}
		for pair := range slices.Chunk(words[2:], 2) {
			m.Dimensions[pair[0]] = pair[1]
		}
		m.check(t)
		stat, own := options["stat"].(string)
		if !own && w.Properties.Stat == "" {
			t.Errorf("%s: got no statistic, want one", m.MetricName)
		}
		for _, kind := range []string{"", " " + stat, " " + m.Dimensions["Verdict"], " " + m.Dimensions["Cause"]} {
			shown[m.MetricName+kind] = true
		}
	}
	for _, formula := range formulas {
		input, _, _ := strings.Cut(formula, " ")
		if !ids[input] {
			t.Errorf("got expression %q, want it to use a metric of this graph", formula)
		}
	}
}

// TestDashboardReferences: each reference in the dashboard has a target, since otherwise the deployment would fail; and
// the dashboard shows each alarm.
func TestDashboardReferences(t *testing.T) {
	t.Parallel()
	body, widgets := dashboard(t)
	parameters := readTemplate(t, observabilityTemplate).Parameters
	existing := alarms(t, observabilityTemplate)
	references := reference.FindAllStringSubmatch(body, -1)
	if len(references) == 0 {
		t.Error("got no reference in the dashboard, want those to the alarms at least")
	}
	for _, found := range references {
		id, isARN := strings.CutSuffix(found[1], ".Arn")
		_, isAlarm := existing[id]
		if _, isParameter := parameters[id]; !isParameter && !(isARN && isAlarm) && id != "AWS::Region" {
			t.Errorf("got reference %s, want one to a parameter, an alarm's ARN or AWS::Region", found[0])
		}
	}
	// The values that are inserted contain nothing that JSON would have to escape.
	if values := reference.ReplaceAllString(body, "arn:aws:x:us-east-1:0:a/b"); !json.Valid([]byte(values)) {
		t.Errorf("got a dashboard that is no JSON after values are inserted:\n%s", values)
	}
	var want, got []string
	for id := range existing {
		want = append(want, "${"+id+".Arn}")
	}
	for _, w := range widgets {
		got = append(got, w.Properties.Alarms...)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alarms (-in the template +on the dashboard):\n%s", diff)
	}
}
