package infra_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lazaret/lazaret/internal/metric"
)

// dimensions are a metric's dimensions, by name.
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

// watched is the metric of an alarm or of a graph.
type watched struct {
	Namespace  string     `yaml:"Namespace"`
	MetricName string     `yaml:"MetricName"`
	Dimensions dimensions `yaml:"Dimensions"`
}

// alarm is an AWS::CloudWatch::Alarm for a metric or for an expression.
type alarm struct {
	watched            `yaml:",inline"`
	AlarmName          string   `yaml:"AlarmName"`
	AlarmDescription   string   `yaml:"AlarmDescription"`
	AlarmActions       []string `yaml:"AlarmActions"`
	OKActions          []string `yaml:"OKActions"`
	Statistic          string   `yaml:"Statistic"`
	Period             int      `yaml:"Period"`
	EvaluationPeriods  whole    `yaml:"EvaluationPeriods"`
	ComparisonOperator string   `yaml:"ComparisonOperator"`
	Threshold          *float64 `yaml:"Threshold"`
	TreatMissingData   choice   `yaml:"TreatMissingData"`
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

// whole is a number, or the greatest value of the parameter that has it.
type whole int

func (w *whole) UnmarshalYAML(n *yaml.Node) error {
	switch n = deployed(n); {
	case n.Tag == "!Ref" && n.Value == "CanaryHours":
		*w = 168 // MaxValue in the template
		return nil
	default:
		return n.Decode((*int)(w))
	}
}

// choice is a text.
type choice string

func (c *choice) UnmarshalYAML(n *yaml.Node) error { return deployed(n).Decode((*string)(c)) }

// deployed is the value of an !If when its condition holds, and any other value itself.
func deployed(n *yaml.Node) *yaml.Node {
	if n.Tag == "!If" && len(n.Content) == 3 {
		return n.Content[1]
	}
	return n
}

// awsMetrics lists the metrics of AWS that the templates may use and their dimensions, from the services'
// documentation:
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
		"AsyncEventsDropped":   {"FunctionName"},
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

// check fails the test if nothing writes a metric. CloudWatch does not report that: the alarm would never ring.
func (w watched) check(t *testing.T) {
	t.Helper()
	var want []string
	if w.Namespace == metric.Namespace {
		m, known := metric.Find(w.MetricName)
		if !known {
			t.Errorf("got metric %s, want one that a function emits", w.MetricName)
			return
		}
		want = []string{"Stack"}
		if m.Dimension != "" {
			want = append(want, m.Dimension)
		}
		if got := w.Dimensions["Stack"]; got != "Name" && got != "${Name}" {
			t.Errorf("%s: got stack %q, want ${Name}", w.MetricName, got)
		}
	} else if want = awsMetrics[w.Namespace][w.MetricName]; want == nil {
		t.Errorf("got metric %s in %s, want one in the table awsMetrics", w.MetricName, w.Namespace)
		return
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), sortedKeys(w.Dimensions)); diff != "" {
		t.Errorf("%s: dimensions (-want +got):\n%s", w.MetricName, diff)
	}
	w.checkResource(t)
}

// checkResource fails the test if template.yaml gives no resource the name in a metric's dimension.
func (w watched) checkResource(t *testing.T) {
	t.Helper()
	for dimension, source := range map[string]struct{ kind, property string }{
		"FunctionName": {"AWS::Serverless::Function", "FunctionName"},
		"RuleName":     {"AWS::Events::Rule", "Name"},
	} {
		name, has := w.Dimensions[dimension]
		if !has {
			continue
		}
		var names []string
		for id := range resourcesOfType(t, mainTemplate, source.kind) {
			var all map[string]yaml.Node
			properties(t, mainTemplate, id, &all)
			names = append(names, strings.Replace(all[source.property].Value, "${AWS::StackName}", "${Name}", 1))
		}
		if !slices.Contains(names, name) {
			t.Errorf("%s: got %s %q, want one of %q", w.MetricName, dimension, name, names)
		}
	}
}

// alarms reads the alarms of a template, by logical id.
func alarms(t *testing.T, path string) map[string]alarm {
	t.Helper()
	found := map[string]alarm{}
	for id := range resourcesOfType(t, path, "AWS::CloudWatch::Alarm") {
		var a alarm
		properties(t, path, id, &a)
		found[id] = a
	}
	return found
}

// all returns the metrics of an alarm.
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

// TestAlarms: each alarm reaches the alerts topic, uses metrics that exist, and says what to type first; and
// docs/operations.md has a section for each alarm.
func TestAlarms(t *testing.T) {
	t.Parallel()
	var documented, got []string
	headings := regexp.MustCompile(`(?m)^### Alarm: (\S+)$`).FindAllStringSubmatch(readFile(t, operationsPage), -1)
	for _, heading := range headings {
		documented = append(documented, heading[1])
	}
	for _, path := range []string{observabilityTemplate, datadogTemplate} {
		for id, a := range alarms(t, path) {
			suffix, composed := strings.CutPrefix(a.AlarmName, "${Name}-")
			if !composed {
				t.Errorf("%s: got AlarmName %q, want one that begins with ${Name}-", id, a.AlarmName)
			}
			got = append(got, suffix)
			t.Run(suffix, func(t *testing.T) { a.check(t, suffix) })
		}
	}
	slices.Sort(documented)
	slices.Sort(got)
	if diff := cmp.Diff(documented, got); diff != "" {
		t.Errorf("alarms (-in docs/operations.md +in the templates):\n%s", diff)
	}
}

// firstCommand is the command in an alarm's description.
var firstCommand = regexp.MustCompile(`: (aws [a-z]+ |lazaret [a-z]+ )`)

func (a alarm) check(t *testing.T, suffix string) {
	topic := []string{"AlertsTopicArn"}
	if !slices.Equal(a.AlarmActions, topic) {
		t.Errorf("got AlarmActions %q, want %q", a.AlarmActions, topic)
	}
	if len(a.OKActions) > 0 && !slices.Equal(a.OKActions, topic) {
		t.Errorf("got OKActions %q, want %q or none", a.OKActions, topic)
	}
	if !firstCommand.MatchString(a.AlarmDescription) {
		t.Errorf("got description %q, want a command in it", a.AlarmDescription)
	}
	if want := "More: docs/operations.md#alarm-" + suffix; !strings.HasSuffix(a.AlarmDescription, want) {
		t.Errorf("got description %q, want %q at its end", a.AlarmDescription, want)
	}
	if len(a.AlarmDescription) > 900 { // of the 1,024 that CloudWatch allows, since names are inserted
		t.Errorf("got a description of %d bytes, want 900 at most", len(a.AlarmDescription))
	}
	if want := []string{"missing", "ignore", "breaching", "notBreaching"}; !slices.Contains(want, string(a.TreatMissingData)) {
		t.Errorf("got TreatMissingData %q, want one of %q", a.TreatMissingData, want)
	}
	if a.Threshold == nil || a.ComparisonOperator == "" {
		t.Errorf("got Threshold %v, ComparisonOperator %q, want both", a.Threshold, a.ComparisonOperator)
	}
	a.checkExpression(t)
	periods := []int{a.Period}
	if len(a.Metrics) > 0 {
		periods = nil
		for _, m := range a.Metrics {
			if m.MetricStat != nil {
				periods = append(periods, m.MetricStat.Period)
			}
		}
	}
	for _, p := range periods {
		// CloudWatch evaluates a day, or a week in periods of an hour or more.
		if window := p * int(a.EvaluationPeriods); p < 60 || window == 0 || p < 3600 && window > 86400 || window > 604800 {
			t.Errorf("got %d periods of %d seconds, want a day at most, or a week of hours", a.EvaluationPeriods, p)
		}
	}
	metrics := a.all()
	if len(metrics) == 0 {
		t.Error("got no metric, want one at least")
	}
	for _, w := range metrics {
		w.check(t)
	}
}

// checkExpression: an alarm for an expression compares the expression alone, which uses all other metrics.
func (a alarm) checkExpression(t *testing.T) {
	t.Helper()
	if len(a.Metrics) == 0 {
		return
	}
	var returned, formulas, inputs []string
	for _, m := range a.Metrics {
		if m.ReturnData == nil || *m.ReturnData {
			returned = append(returned, m.ID)
		}
		if m.MetricStat != nil {
			inputs = append(inputs, m.ID)
			continue
		}
		formula, err := substitute(&m.Expression)
		if err != nil {
			t.Fatal(err)
		}
		formulas = append(formulas, formula)
	}
	if len(returned) != 1 || len(formulas) != 1 {
		t.Fatalf("got returned metrics %q, expressions %q, want one of each", returned, formulas)
	}
	for _, id := range inputs {
		if !regexp.MustCompile(`\b` + id + `\b`).MatchString(formulas[0]) {
			t.Errorf("got expression %q, want %s in it", formulas[0], id)
		}
	}
}

// TestListOfAlarms lists the problems for which there must be an alarm, and all alarms.
func TestListOfAlarms(t *testing.T) {
	t.Parallel()
	there := alarms(t, observabilityTemplate)
	tests := []struct {
		name, namespace, metric, of string
		missing                     string
		threshold                   float64
	}{
		{"dead letters", "AWS/SQS", "ApproximateNumberOfMessagesVisible", "DeadLetterQueueName", "ignore", 0},
		{"uploads that wait", "AWS/SQS", "ApproximateAgeOfOldestMessage", "UploadQueueName", "notBreaching", 900},
		{"uploads that are handed back", "Lazaret", metric.Waited, "uploads", "notBreaching", 900},
		{"rescans that wait", "AWS/SQS", "ApproximateAgeOfOldestMessage", "RescanQueueName", "notBreaching", 302400},
		{"rescans that are handed back", "Lazaret", metric.Waited, "rescans", "notBreaching", 302400},
		{"executions that failed", "AWS/States", "ExecutionsFailed", "StateMachineArn", "notBreaching", 0},
		{"executions that timed out", "AWS/States", "ExecutionsTimedOut", "StateMachineArn", "notBreaching", 0},
		{"executions that were aborted", "AWS/States", "ExecutionsAborted", "StateMachineArn", "notBreaching", 0},
		{"a canary that is wrong or late", "Lazaret", metric.CanaryRight, "Name", "ignore", 1},
		{"a canary that stopped", "Lazaret", metric.CanaryRight, "Name", "breaching", 1},
		{"executions that left no dead letter", "AWS/Events", "FailedInvocations", "${Name}-died", "notBreaching", 0},
		{"versions that nobody scans", "Lazaret", metric.OldestUnscannedAge, "Name", "ignore", 3600},
		{"sweeps that failed", "AWS/States", "ExecutionsFailed", "SweepStateMachineArn", "notBreaching", 0},
		{"sweeps that timed out", "AWS/States", "ExecutionsTimedOut", "SweepStateMachineArn", "notBreaching", 0},
		{"pages of sweeps that failed", "Lazaret", metric.SweepPagesFailed, "Name", "notBreaching", 0},
		{"uploads that were not delivered", "AWS/Events", "FailedInvocations", "${Name}-existing-buckets", "notBreaching", 0},
		{"engines that miss a canary", "Lazaret", metric.CanaryFailures, "Name", "notBreaching", 0},
		{"old definitions", "Lazaret", metric.DefinitionsAge, "Name", "ignore", 50},
		{"definitions whose age is not reported", "Lazaret", metric.DefinitionsAge, "Name", "breaching", 1},
		{"definitions that are held back", "Lazaret", metric.DefinitionsHeldBack, "Name", "ignore", 0},
		{"new signatures that hit many files", "Lazaret", metric.SignatureOnTrial, "Name", "notBreaching", 0},
		{"scans that are throttled for long", "AWS/Lambda", "Throttles", "${Name}-scan", "notBreaching", 0},
		{"errors of dispatch", "AWS/Lambda", "Errors", "${Name}-dispatch", "notBreaching", 0},
		{"errors of freshclam", "AWS/Lambda", "Errors", "${Name}-freshclam", "notBreaching", 2},
		{"events about dead letters", "AWS/Lambda", "AsyncEventsDropped", "${Name}-report", "notBreaching", 0},
		{"a busy volume", "AWS/EFS", "PercentIOLimit", "FileSystemId", "notBreaching", 90},
		{"a growing volume", "AWS/EFS", "StorageBytes", "FileSystemId", "notBreaching", 200 << 30},
	}
	used := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for id, a := range there {
				for _, w := range a.all() {
					of := slices.Collect(maps.Values(w.Dimensions))
					if w.Namespace == tt.namespace && w.MetricName == tt.metric && slices.Contains(of, tt.of) &&
						string(a.TreatMissingData) == tt.missing && a.Threshold != nil && *a.Threshold == tt.threshold {
						used[id] = true
						return
					}
				}
			}
			t.Errorf("got no alarm, want one for %s of %s with threshold %v and missing data %s",
				tt.metric, tt.of, tt.threshold, tt.missing)
		})
	}
	for id := range there {
		if !used[id] {
			t.Errorf("got the alarm %s, want it in this list", id)
		}
	}
}

// TestMetricsAreDocumented compares the table in docs/operations.md with the metrics that functions emit.
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
	_, section, found := strings.Cut(readFile(t, operationsPage), "\n## Metrics\n")
	if !found || len(want) == 0 {
		t.Fatalf("got section Metrics in docs/operations.md %t, %d metrics, want both", found, len(want))
	}
	section, _, _ = strings.Cut(section, "\n## ")
	got := regexp.MustCompile("(?m)^\\| `.*$").FindAllString(section, -1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-emitted +in docs/operations.md):\n%s", diff)
	}
}
