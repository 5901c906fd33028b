package infra

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lazaret/lazaret/internal/metric"
)

// dimensions are what CloudWatch tells metrics of one name apart by, as the
// template writes them.
type dimensions map[string]string

func (d *dimensions) UnmarshalYAML(n *yaml.Node) error {
	var list []struct {
		Name  string `yaml:"Name"`
		Value string `yaml:"Value"`
	}
	if err := n.Decode(&list); err != nil {
		return err
	}
	*d = dimensions{}
	for _, e := range list {
		(*d)[e.Name] = e.Value
	}
	return nil
}

// watched names a metric.
type watched struct {
	Namespace  string     `yaml:"Namespace"`
	MetricName string     `yaml:"MetricName"`
	Dimensions dimensions `yaml:"Dimensions"`
}

// alarm is an AWS::CloudWatch::Alarm, of one metric or of an expression.
type alarm struct {
	watched            `yaml:",inline"`
	AlarmName          string   `yaml:"AlarmName"`
	AlarmDescription   string   `yaml:"AlarmDescription"`
	AlarmActions       []string `yaml:"AlarmActions"`
	OKActions          []string `yaml:"OKActions"`
	Statistic          string   `yaml:"Statistic"`
	Period             int      `yaml:"Period"`
	EvaluationPeriods  int      `yaml:"EvaluationPeriods"`
	ComparisonOperator string   `yaml:"ComparisonOperator"`
	Threshold          *float64 `yaml:"Threshold"`
	TreatMissingData   string   `yaml:"TreatMissingData"`
	Metrics            []struct {
		ID         string    `yaml:"Id"`
		Expression yaml.Node `yaml:"Expression"`
		ReturnData *bool     `yaml:"ReturnData"`
		MetricStat *struct {
			Metric watched `yaml:"Metric"`
			Period int     `yaml:"Period"`
			Stat   string  `yaml:"Stat"`
		} `yaml:"MetricStat"`
	} `yaml:"Metrics"`
}

// awsMetrics are the metrics of AWS that the templates may ask for, with their
// dimensions, from the services' own lists:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
var awsMetrics = map[string]map[string][]string{
	"AWS/SQS": {
		"ApproximateNumberOfMessagesVisible": {"QueueName"},
		"ApproximateAgeOfOldestMessage":      {"QueueName"},
	},
	"AWS/States": {
		"ExecutionsStarted":   {"StateMachineArn"},
		"ExecutionsSucceeded": {"StateMachineArn"},
		"ExecutionsFailed":    {"StateMachineArn"},
		"ExecutionsTimedOut":  {"StateMachineArn"},
		"ExecutionsAborted":   {"StateMachineArn"},
		"ExecutionTime":       {"StateMachineArn"},
	},
	"AWS/Lambda": {
		"Errors":               {"FunctionName"},
		"Throttles":            {"FunctionName"},
		"Duration":             {"FunctionName"},
		"ConcurrentExecutions": {"FunctionName"},
	},
	"AWS/Events": {"FailedInvocations": {"RuleName"}},
	"AWS/EFS":    {"PercentIOLimit": {"FileSystemId"}, "StorageBytes": {"FileSystemId", "StorageClass"}},
	"AWS/Logs":   {"IncomingLogEvents": {"LogGroupName"}},
	"AWS/Firehose": {
		"DeliveryToHttpEndpoint.Success":       {"DeliveryStreamName"},
		"DeliveryToHttpEndpoint.DataFreshness": {"DeliveryStreamName"},
		"IncomingRecords":                      {"DeliveryStreamName"},
	},
}

// check tells what is wrong with a metric that somebody asks for: CloudWatch
// itself never says that there is no such metric, the alarm just never rings.
func (w watched) check(t *testing.T) {
	t.Helper()
	var want []string
	if w.Namespace == metric.Namespace {
		m, known := metric.Find(w.MetricName)
		if !known {
			t.Errorf("nobody emits %s", w.MetricName)
			return
		}
		want = []string{"Stack"}
		if m.Dimension != "" {
			want = append(want, m.Dimension)
		}
		if w.Dimensions["Stack"] != "Name" && w.Dimensions["Stack"] != "${Name}" {
			t.Errorf("%s of the stack %q", w.MetricName, w.Dimensions["Stack"])
		}
	} else if want = awsMetrics[w.Namespace][w.MetricName]; want == nil {
		t.Errorf("AWS has no metric %s in %s, or the table lacks it", w.MetricName, w.Namespace)
		return
	}
	got := slices.Sorted(maps.Keys(w.Dimensions))
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("%s has the dimensions %q, asked for by %q", w.MetricName, want, got)
	}
	w.resource(t)
}

// resource holds names that are composed here to those that template.yaml gives.
func (w watched) resource(t *testing.T) {
	t.Helper()
	for dimension, property := range map[string]string{"FunctionName": "FunctionName", "RuleName": "Name"} {
		suffix, composed := strings.CutPrefix(w.Dimensions[dimension], "${Name}-")
		if w.Dimensions[dimension] == "" {
			continue
		}
		named := regexp.MustCompile(property + `: !Sub '\$\{AWS::StackName\}-` + regexp.QuoteMeta(suffix) + `'`)
		if !composed || !named.Match(file(t, "../template.yaml")) {
			t.Errorf("template.yaml has no %s %q", dimension, w.Dimensions[dimension])
		}
	}
}

func file(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// typed returns a template's resources of one type, by logical id.
func typed(t *testing.T, template, kind string) map[string]yaml.Node {
	t.Helper()
	found := resources(t, template)
	maps.DeleteFunc(found, func(id string, n yaml.Node) bool {
		var r struct {
			Type string `yaml:"Type"`
		}
		if err := n.Decode(&r); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		return r.Type != kind
	})
	if len(found) == 0 {
		t.Fatalf("%s has no %s", template, kind)
	}
	return found
}

// alarms reads those of a template, by logical id.
func alarms(t *testing.T, template string) map[string]alarm {
	t.Helper()
	found := map[string]alarm{}
	for id := range typed(t, template, "AWS::CloudWatch::Alarm") {
		var a alarm
		properties(t, template, id, &a)
		found[id] = a
	}
	return found
}

// all are the metrics that an alarm looks at.
func (a alarm) all() []watched {
	if len(a.Metrics) == 0 {
		return []watched{a.watched}
	}
	var all []watched
	for _, m := range a.Metrics {
		if m.MetricStat != nil {
			all = append(all, m.MetricStat.Metric)
		}
	}
	return all
}

// TestAlarms holds every alarm to what makes one worth being woken by: it
// reaches somebody, watches something that exists, and says what to do.
func TestAlarms(t *testing.T) {
	t.Parallel()
	documented := regexp.MustCompile(`(?m)^### Alarm: (\S+)$`).FindAllSubmatch(file(t, "../docs/operations.md"), -1)
	var want, got []string
	for _, heading := range documented {
		want = append(want, string(heading[1]))
	}
	for _, template := range []string{"observability.yaml", "datadog.yaml"} {
		for id, a := range alarms(t, template) {
			suffix, composed := strings.CutPrefix(a.AlarmName, "${Name}-")
			if !composed {
				t.Errorf("%s: AlarmName %q does not begin with the stack's", id, a.AlarmName)
			}
			got = append(got, suffix)
			t.Run(suffix, func(t *testing.T) { a.test(t, suffix) })
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/operations.md documents other alarms than there are (-documented +there):\n%s", diff)
	}
}

func (a alarm) test(t *testing.T, suffix string) {
	for _, actions := range [][]string{a.AlarmActions, a.OKActions} {
		if len(actions) > 0 && !slices.Equal(actions, []string{"AlertsTopicArn"}) {
			t.Errorf("it tells %q", actions)
		}
	}
	if len(a.AlarmActions) == 0 {
		t.Error("it tells nobody")
	}
	if first := regexp.MustCompile(`: (aws [a-z]+ |lazaret [a-z]+ )`); !first.MatchString(a.AlarmDescription) {
		t.Errorf("it does not say what to type first: %s", a.AlarmDescription)
	}
	if !strings.HasSuffix(a.AlarmDescription, "More: docs/operations.md#alarm-"+suffix) {
		t.Errorf("it does not say where more is written: %s", a.AlarmDescription)
	}
	if len(a.AlarmDescription) > 900 { // of 1,024, with room for the names
		t.Errorf("its description has %d characters", len(a.AlarmDescription))
	}
	if !slices.Contains([]string{"missing", "ignore", "breaching", "notBreaching"}, a.TreatMissingData) {
		t.Errorf("it does not say what missing data mean: %q", a.TreatMissingData)
	}
	if a.Threshold == nil || a.ComparisonOperator == "" {
		t.Error("it compares with nothing")
	}
	var formula string
	var periods []int
	var returned, inputs []string
	for _, m := range a.Metrics {
		if m.ReturnData == nil || *m.ReturnData {
			returned = append(returned, m.ID)
		}
		if m.MetricStat != nil {
			periods, inputs = append(periods, m.MetricStat.Period), append(inputs, m.ID)
		} else {
			formula = expression(m.Expression)
		}
	}
	if len(a.Metrics) == 0 {
		periods = []int{a.Period}
	} else if len(returned) != 1 {
		t.Errorf("it looks at %q, which must be one", returned)
	}
	for _, id := range inputs {
		if !strings.Contains(formula, id) {
			t.Errorf("%q leaves out %s", formula, id)
		}
	}
	for _, p := range periods {
		// CloudWatch looks back a day, or a week in periods of an hour or more.
		if window := p * a.EvaluationPeriods; p < 60 || window == 0 || p < 3600 && window > 86400 || window > 604800 {
			t.Errorf("it looks at %d periods of %d seconds", a.EvaluationPeriods, p)
		}
	}
	for _, w := range a.all() {
		w.check(t)
	}
}

// expression is a metric's, also where values are substituted into it.
func expression(n yaml.Node) string {
	if n.Kind == yaml.SequenceNode {
		return n.Content[0].Value
	}
	return n.Value
}

// TestWhatWakesSomebody lists what must never happen unnoticed.
func TestWhatWakesSomebody(t *testing.T) {
	t.Parallel()
	there := alarms(t, "observability.yaml")
	tests := []struct {
		name, namespace, metric, of string
		missing                     string
		threshold                   float64
	}{
		{"dead letters", "AWS/SQS", "ApproximateNumberOfMessagesVisible", "DeadLetterQueueName", "ignore", 0},
		{"uploads that wait", "AWS/SQS", "ApproximateAgeOfOldestMessage", "UploadQueueName", "notBreaching", 900},
		{"executions that failed", "AWS/States", "ExecutionsFailed", "StateMachineArn", "notBreaching", 0},
		{"executions that timed out", "AWS/States", "ExecutionsTimedOut", "StateMachineArn", "notBreaching", 0},
		{"executions that were aborted", "AWS/States", "ExecutionsAborted", "StateMachineArn", "notBreaching", 0},
		{"dead executions that nobody heard of", "AWS/Events", "FailedInvocations", "${Name}-died", "notBreaching", 0},
		{"uploads to existing buckets that nobody heard of", "AWS/Events", "FailedInvocations", "${Name}-existing-buckets", "notBreaching", 0},
		{"lying engines", "Lazaret", metric.CanaryFailures, "Name", "notBreaching", 0},
		{"old definitions", "Lazaret", metric.DefinitionsAge, "Name", "ignore", 50},
		{"definitions of unknown age", "Lazaret", metric.DefinitionsAge, "Name", "breaching", 1},
		{"too few scans at once", "AWS/Lambda", "Throttles", "${Name}-scan", "notBreaching", 0},
		{"dispatch", "AWS/Lambda", "Errors", "${Name}-dispatch", "notBreaching", 0},
		{"freshclam", "AWS/Lambda", "Errors", "${Name}-freshclam", "notBreaching", 2},
		{"a busy volume", "AWS/EFS", "PercentIOLimit", "FileSystemId", "notBreaching", 90},
		{"a growing volume", "AWS/EFS", "StorageBytes", "FileSystemId", "notBreaching", 200 << 30},
	}
	used := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for id, a := range there {
				for _, w := range a.all() {
					if w.Namespace == tt.namespace && w.MetricName == tt.metric && slices.Contains(slices.Collect(maps.Values(w.Dimensions)), tt.of) &&
						a.TreatMissingData == tt.missing && *a.Threshold == tt.threshold {
						used[id] = true
						return
					}
				}
			}
			t.Errorf("no alarm on %s of %s beyond %v with missing data %s", tt.metric, tt.of, tt.threshold, tt.missing)
		})
	}
	for id := range there {
		if !used[id] {
			t.Errorf("%s is not in this list", id)
		}
	}
}

// TestMetricsAreDocumented holds the table in docs/operations.md to the list.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	var want []string
	for _, m := range metric.All {
		dimension := "–"
		if m.Dimension != "" {
			dimension = "`" + m.Dimension + "`"
		}
		want = append(want, fmt.Sprintf("| `%s` | %s | %s | %s |", m.Name, m.Unit, dimension, m.Meaning))
	}
	_, section, found := strings.Cut(string(file(t, "../docs/operations.md")), "\n## Metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	got := regexp.MustCompile("(?m)^\\| `.*$").FindAllString(section, -1)
	if diff := cmp.Diff(want, got); diff != "" || !found {
		t.Errorf("-in the list +documented:\n%s", diff)
	}
}
