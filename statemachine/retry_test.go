package statemachine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

// invoking is a state that invokes a function, as far as its Retry block. JSON
// has no way to say a thing once, so each of them has a copy of retry.json.
var invoking = regexp.MustCompile(
	`(?s)("Resource": "arn:aws:states:::lambda:invoke".*?\n)      "Retry": \[\n.*?\n      \],`)

// TestRetryIsWrittenOnce holds the copies to retry.json; -update writes them.
func TestRetryIsWrittenOnce(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.asl.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no state machine:", err)
	}
	once, err := os.ReadFile("retry.json")
	if err != nil {
		t.Fatal(err)
	}
	block := strings.TrimSpace(string(once))
	for _, file := range files {
		is, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		states := strings.Count(string(is), `"arn:aws:states:::lambda:invoke"`)
		if n := len(invoking.FindAll(is, -1)); n != states {
			t.Errorf("%s: %d Retry blocks where they are looked for, %d states that invoke functions", file, n, states)
		}
		want := invoking.ReplaceAllStringFunc(string(is), func(state string) string {
			head := invoking.FindStringSubmatch(state)[1]
			return head + `      "Retry": ` + strings.ReplaceAll(block, "\n", "\n      ") + ","
		})
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(want, string(is)); diff != "" {
			t.Errorf("%s: a Retry is not retry.json's (go test ./statemachine -run Retry -update):\n%s", file, diff)
		}
	}
}

// retried returns the one entry of retry.json that names the error.
func retried(t *testing.T, name string) handler {
	t.Helper()
	written, err := os.ReadFile("retry.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []handler
	if err := json.Unmarshal(written, &all); err != nil {
		t.Fatalf("read retry.json: %v", err)
	}
	var naming []handler
	for _, h := range all {
		if slices.Contains(h.ErrorEquals, name) {
			naming = append(naming, h)
		}
	}
	if len(naming) != 1 {
		t.Fatalf("%d entries of retry.json name %s, want 1", len(naming), name)
	}
	return naming[0]
}

// wait is how long an entry waits at least, in seconds, before it gives up.
// Full jitter may choose no delay at all, each time.
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

// TestIdleFunctionsAreWaitedFor: what Lambda answers for a function that was
// not used for weeks is over after minutes: 40 to 106 seconds for an image
// (https://github.com/aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws/issues/801),
// "several minutes" for a network interface
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html).
func TestIdleFunctionsAreWaitedFor(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Lambda.CodeArtifactUserPendingException", "Lambda.CodeArtifactUserDeletedException",
		"Lambda.ResourceNotReadyException", "Lambda.ResourceConflictException", "Lambda.ENINotReadyException",
	} {
		if got := retried(t, name).wait(); got < 300 {
			t.Errorf("%s is waited for %.0f s, want 300 or more", name, got)
		}
	}
	app, err := template.Load("../template.yaml", template.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(app.Functions, func(f template.Function) bool { return len(f.Schedules) > 0 }) {
		t.Fatal("no function is on a schedule")
	}
	written, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// EventBridge Scheduler waits between its attempts as it sees fit, for as long as an event may be old.
	if !regexp.MustCompile(`RetryPolicy: \{MaximumRetryAttempts: \d{2,}, MaximumEventAgeInSeconds: 3600\}`).Match(written) {
		t.Error("the schedule of freshclam gives up before a function that was idle is ready")
	}
}

// TestCrashesAreOneKind: every name under which Lambda, or the local stack in
// its place, reports the death of an environment is retried alike, twice, so
// that the third attempt finds two marks of crashes and judges the file.
func TestCrashesAreOneKind(t *testing.T) {
	t.Parallel()
	want := retried(t, "Runtime.ExitError")
	if want.MaxAttempts != 2 {
		t.Errorf("a crash is retried %v times, want 2", want.MaxAttempts)
	}
	crashes := []string{
		"Lambda.Unknown", "Runtime.OutOfMemory", "Runtime.Unknown", "Sandbox.Failure", "Sandbox.Timedout", "States.Timeout",
	}
	names := regexp.MustCompile(`"((?:Runtime|Sandbox)\.[A-Z]\w+|Lambda\.Unknown)"`)
	for _, folder := range []string{"../local/lambda", "../local/states"} {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no code in %s: %v", folder, err)
		}
		for _, file := range files {
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range names.FindAllSubmatch(code, -1) {
				if name := string(m[1]); name != "Runtime.InvalidEntrypoint" { // an image that can never start
					crashes = append(crashes, name)
				}
			}
		}
	}
	for _, name := range crashes {
		if diff := cmp.Diff(want, retried(t, name)); diff != "" {
			t.Errorf("%s is retried otherwise than Runtime.ExitError:\n%s", name, diff)
		}
	}
}
