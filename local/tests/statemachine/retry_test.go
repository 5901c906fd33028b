package statemachine_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// withRetry returns the text of a machine, with this Retry in each state that invokes a function. A block begins and
// ends at the same column.
func withRetry(machine, retry string) string {
	var out strings.Builder
	invokes, end := false, "" // the line at which the block that is left out ends
	for line := range strings.Lines(machine) {
		if end != "" {
			if strings.TrimRight(line, "\n") == end {
				end = ""
			}
			continue
		}
		if strings.Contains(line, `"Resource": `) {
			invokes = strings.Contains(line, `"arn:aws:states:::lambda:invoke"`)
		}
		// A state that hands an event over has a Retry of its own, see TestEventsAreHandedOver.
		if strings.Contains(line, `"InvocationType": "Event"`) {
			invokes = false
		}
		if indent, begins := strings.CutSuffix(line, `"Retry": [`+"\n"); begins && invokes {
			end = indent + "],"
			line = indent + `"Retry": ` + strings.ReplaceAll(strings.TrimSpace(retry), "\n", "\n"+indent) + ",\n"
		}
		out.WriteString(line)
	}
	return out.String()
}

// TestRetryIsWrittenOnce: each state that invokes a function and waits for its end has the Retry of retry.json, because
// JSON cannot refer to another file. With -update, it writes retry.json into the states.
func TestRetryIsWrittenOnce(t *testing.T) {
	t.Parallel()
	written := readFile(t, retryFile)
	var want []any
	if err := json.Unmarshal([]byte(written), &want); err != nil {
		t.Fatalf("read %s: %v", retryFile, err)
	}
	for _, file := range []string{definitionFile, sweepFile} {
		if *update {
			text := withRetry(readFile(t, file), written)
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var machine any
		if err := json.Unmarshal([]byte(readFile(t, file)), &machine); err != nil {
			t.Fatalf("read %s: %v", file, err)
		}
		states := 0
		eachTask(machine, func(task map[string]any) {
			parameters, _ := task["Parameters"].(map[string]any)
			if task["Resource"] != "arn:aws:states:::lambda:invoke" || parameters["InvocationType"] != nil {
				return
			}
			states++
			if diff := cmp.Diff(want, task["Retry"]); diff != "" {
				t.Errorf("%s: %v: Retry (-want +got; go -C local test ./tests/statemachine -run Retry -update writes it):\n%s",
					file, task["Comment"], diff)
			}
		})
		if states == 0 || len(want) == 0 {
			t.Errorf("%s: got %d states that invoke functions, %d entries in retry.json, want some of each",
				file, states, len(want))
		}
	}
}

// mostHandOver is how long a state may take that hands an event over, in seconds. It is one minute of the five that an
// EXPRESS execution has, and of the time in which the execution holds a permit.
const mostHandOver = 60

// TestEventsAreHandedOver: a state that invokes a function with InvocationType Event waits for no end. Lambda keeps the
// event, and has the function run again; the state tries again only while Lambda does not take the event. Where it
// never does, the execution ends with an error for which DiedRule and ReportDiedRule send what is left to do.
func TestEventsAreHandedOver(t *testing.T) {
	t.Parallel()
	text, m := readMachine(t)
	var died struct {
		Resources struct {
			DiedRule struct {
				Properties struct {
					EventPattern struct {
						Detail struct {
							Or []struct {
								Error []struct {
									AnythingBut []string `yaml:"anything-but"`
								}
							} `yaml:"$or"`
						}
					} `yaml:"EventPattern"`
				} `yaml:"Properties"`
			} `yaml:"DiedRule"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, templateFile)), &died); err != nil {
		t.Fatal(err)
	}
	var left []string // the errors for which DiedRule sends nothing
	for _, choice := range died.Resources.DiedRule.Properties.EventPattern.Detail.Or {
		for _, e := range choice.Error {
			left = append(left, e.AnythingBut...)
		}
	}
	if want := []string{m.States["Failed"].Error}; !slices.Equal(left, want) {
		t.Errorf("DiedRule leaves out executions with the errors %q, want %q", left, want)
	}
	handed := 0
	for name, s := range m.States {
		if !s.invokes() || s.Parameters["InvocationType"] == nil {
			continue
		}
		handed++
		if got := s.Parameters["InvocationType"]; got != "Event" {
			t.Errorf("%s: got InvocationType %v, want Event", name, got)
		}
		if got := s.longest(); got > mostHandOver {
			t.Errorf("%s: may take %.0f s, want %d at most", name, got, mostHandOver)
		}
		end := m.States[s.Catch[len(s.Catch)-1].Next]
		if end.Type != "Fail" || end.Error == "" || slices.Contains(left, end.Error) {
			t.Errorf("%s: got %+v for an event that Lambda does not take, want a Fail that DiedRule does not leave out",
				name, end)
		}
	}
	if handed != 1 || !strings.Contains(text, `"Report": {`) {
		t.Errorf("got %d states that hand an event over, want Report alone", handed)
	}
}

// longest returns for how many seconds a state may try at most: every attempt ends by its timeout, and every delay is
// the longest.
func (s state) longest() (seconds float64) {
	seconds = float64(s.TimeoutSeconds)
	for _, h := range s.Retry {
		delay := h.IntervalSeconds
		for range int(h.MaxAttempts) {
			seconds += delay + float64(s.TimeoutSeconds)
			if delay *= max(h.BackoffRate, 1); h.MaxDelaySeconds > 0 {
				delay = min(delay, h.MaxDelaySeconds)
			}
		}
	}
	return seconds
}

// eachTask calls f with each Task of a machine, also with those of a Map state.
func eachTask(v any, f func(task map[string]any)) {
	object, _ := v.(map[string]any)
	if object["Type"] == "Task" {
		f(object)
	}
	for _, member := range object {
		eachTask(member, f)
	}
}

// retried returns the one entry of retry.json that names the error.
func retried(t *testing.T, name string) handler {
	t.Helper()
	var all []handler
	if err := json.Unmarshal([]byte(readFile(t, retryFile)), &all); err != nil {
		t.Fatalf("read %s: %v", retryFile, err)
	}
	var naming []handler
	for _, h := range all {
		if slices.Contains(h.ErrorEquals, name) {
			naming = append(naming, h)
		}
	}
	if len(naming) != 1 {
		t.Fatalf("%s: got %d entries of retry.json with this error, want 1", name, len(naming))
	}
	return naming[0]
}

// wait returns the shortest time in seconds after which an entry gives up. Full jitter may choose no delay each time.
func (h handler) wait() (seconds float64) {
	if h.JitterStrategy == "FULL" {
		return 0
	}
	delay := h.IntervalSeconds
	for range int(h.MaxAttempts) {
		seconds += delay
		if delay *= max(h.BackoffRate, 1); h.MaxDelaySeconds > 0 {
			delay = min(delay, h.MaxDelaySeconds)
		}
	}
	return seconds
}

// TestIdleFunctionsAreWaitedFor: for some minutes, Lambda refuses to invoke a function that was not used for weeks: 40
// to 106 seconds for an image
// (https://github.com/aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws/issues/801),
// "several minutes" for a network interface (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html).
func TestIdleFunctionsAreWaitedFor(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Lambda.CodeArtifactUserPendingException", "Lambda.CodeArtifactUserDeletedException",
		"Lambda.ResourceNotReadyException", "Lambda.ResourceConflictException", "Lambda.ENINotReadyException",
	} {
		if got := retried(t, name).wait(); got < 300 {
			t.Errorf("%s: got a wait of %.0f s, want 300 at least", name, got)
		}
	}
}

// TestScheduleWaitsForIdleFunctions: EventBridge Scheduler chooses the time between its attempts itself, so the
// template gives it an hour and enough attempts.
func TestScheduleWaitsForIdleFunctions(t *testing.T) {
	t.Parallel()
	type event struct {
		Type       string `yaml:"Type"`
		Properties struct {
			ScheduleExpression string `yaml:"ScheduleExpression"`
			RetryPolicy        struct {
				MaximumRetryAttempts     int `yaml:"MaximumRetryAttempts"`
				MaximumEventAgeInSeconds int `yaml:"MaximumEventAgeInSeconds"`
			} `yaml:"RetryPolicy"`
		} `yaml:"Properties"`
	}
	var file struct {
		Resources map[string]struct {
			Properties yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, templateFile)), &file); err != nil {
		t.Fatal(err)
	}
	schedules := 0
	for id, r := range file.Resources {
		var function struct {
			Events map[string]event `yaml:"Events"`
		}
		if err := r.Properties.Decode(&function); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		for name, e := range function.Events {
			if e.Type != "ScheduleV2" {
				continue
			}
			schedules++
			got := e.Properties.RetryPolicy
			if e.Properties.ScheduleExpression == "rate(1 minute)" {
				if got.MaximumRetryAttempts != 0 {
					t.Errorf("%s: %s: got %d retries, want none: the next run is a minute away", id, name, got.MaximumRetryAttempts)
				}
				continue
			}
			if got.MaximumRetryAttempts < 10 || got.MaximumEventAgeInSeconds != 3600 {
				t.Errorf("%s: %s: got RetryPolicy %+v, want 10 attempts at least and 3600 seconds", id, name, got)
			}
		}
	}
	if schedules != 3 {
		t.Errorf("got %d schedules, want those of freshclam, dispatch and canary", schedules)
	}
}

// crashNames returns the names under which the local stack, in Lambda's place, reports that an environment died: the
// texts of its code that have such a name. An image that can never start is not a crash.
func crashNames(t *testing.T) (names []string) {
	t.Helper()
	pattern := regexp.MustCompile(`^"((?:Runtime|Sandbox)\.[A-Z]\w+|Lambda\.Unknown)"$`)
	for _, folder := range []string{"../../lambda", "../../states"} {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("find the code in %s: got %d files, %v", folder, len(files), err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				literal, is := n.(*ast.BasicLit)
				if !is {
					return true
				}
				if m := pattern.FindStringSubmatch(literal.Value); m != nil && m[1] != "Runtime.InvalidEntrypoint" {
					names = append(names, m[1])
				}
				return true
			})
		}
	}
	if !slices.Contains(names, "Runtime.ExitError") {
		t.Fatalf("got names %q in the local stack's code, want Runtime.ExitError at least", names)
	}
	return names
}

// TestCrashesAreOneKind: all names for the death of an environment are retried in the same way, twice. So the third
// attempt finds the marks of two crashes, and judges the file.
func TestCrashesAreOneKind(t *testing.T) {
	t.Parallel()
	want := retried(t, "Runtime.ExitError")
	if want.MaxAttempts != 2 {
		t.Errorf("Runtime.ExitError: got %v retries, want 2", want.MaxAttempts)
	}
	for _, name := range append(crashNames(t), "Lambda.Unknown", "Runtime.OutOfMemory", "Runtime.Unknown",
		"Sandbox.Failure", "Sandbox.Timedout", "States.Timeout") {
		if diff := cmp.Diff(want, retried(t, name)); diff != "" {
			t.Errorf("%s (-Retry of Runtime.ExitError +got):\n%s", name, diff)
		}
	}
}
