package infra_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

// TestInWork: MaxConcurrentScans decides how many permits there are and how many messages of each queue dispatch works
// on. AWS accepts no source of fewer than two, and 0 means two as well.
func TestInWork(t *testing.T) {
	t.Parallel()
	for parameter, want := range map[string]struct {
		permits, sources int
		reserved         bool
	}{
		"0": {2, 2, false}, "1": {1, 2, true}, "2": {2, 2, true}, "20": {20, 20, true}, "1000": {1000, 1000, true},
	} {
		app := load(t, map[string]string{"MaxConcurrentScans": parameter})
		dispatch := function(t, app, "dispatch")
		if got, want := dispatch.Environment["MAX_IN_WORK"], strconv.Itoa(want.permits); got != want {
			t.Errorf("MaxConcurrentScans=%s: got MAX_IN_WORK %s, want %s", parameter, got, want)
		}
		var queues []string
		for _, s := range dispatch.Sources {
			queues = append(queues, s.QueueARN)
			if s.BatchSize != 1 || s.MaxConcurrency != want.sources || !s.ReportFailures {
				t.Errorf("MaxConcurrentScans=%s: got source %+v, want batches of one, %d at once, failures reported",
					parameter, s, want.sources)
			}
		}
		slices.Sort(queues)
		if diff := cmp.Diff([]string{queue(t, app, "rescans").ARN, queue(t, app, "uploads").ARN}, queues); diff != "" {
			t.Errorf("MaxConcurrentScans=%s: sources of dispatch (-want +got):\n%s", parameter, diff)
		}
		if got := function(t, app, "scan").Reserved != nil; got != want.reserved {
			t.Errorf("MaxConcurrentScans=%s: got concurrency reserved for scan %t, want %t", parameter, got, want.reserved)
		}
	}
}

// TestQueuesOutlastWaiting: a message that is handed back every 14 minutes, because no engine is free, does not become
// a dead letter within four days (an upload) or a week (a rescan); and dead letters live as long as uploads.
func TestQueuesOutlastWaiting(t *testing.T) {
	t.Parallel()
	app := load(t, nil)
	const day, heldFor = 24 * time.Hour, 14 * time.Minute
	timeout := function(t, app, "dispatch").Timeout
	for name, want := range map[string]time.Duration{"uploads": 4 * day, "rescans": 7 * day} {
		q := queue(t, app, name)
		if got := time.Duration(q.MaxReceiveCount) * heldFor; got <= want || q.MaxReceiveCount > 1000 {
			t.Errorf("%s: %d receipts last %v, want more than %v, and at most the 1,000 that SQS offers",
				name, q.MaxReceiveCount, got, want)
		}
		if q.Retention < want || q.DeadLetterARN != queue(t, app, "dead-letters").ARN {
			t.Errorf("%s: got retention %v, dead letters to %s, want %v at least and the stack's queue",
				name, q.Retention, q.DeadLetterARN, want)
		}
		// Dispatch waits until 60 seconds before its end.
		if heldFor != timeout-time.Minute || q.VisibilityTimeout < timeout {
			t.Errorf("%s: got visibility timeout %v, timeout of dispatch %v, want AWS to accept them", name, q.VisibilityTimeout, timeout)
		}
		if dead := queue(t, app, "dead-letters").Retention; dead < q.Retention {
			t.Errorf("%s: got retention %v, that of dead letters %v, want no dead letter to end before", name, q.Retention, dead)
		}
	}
	if q := queue(t, app, "permits"); q.DeadLetterARN != "" || q.VisibilityTimeout != time.Minute {
		t.Errorf("permits: got %+v, want no dead letters, and a permit free a minute after its holder was killed", q)
	}
}

// TestPermitsComeBack: every execution that ends sends a permit, and dispatch counts them every minute.
func TestPermitsComeBack(t *testing.T) {
	t.Parallel()
	app := load(t, nil)
	i := slices.IndexFunc(app.Rules, func(r template.Rule) bool { return r.Name == "lazaret-ended" })
	if i < 0 {
		t.Fatal("got no rule lazaret-ended, want it")
	}
	var pattern struct {
		Detail struct {
			Machines []string `json:"stateMachineArn"`
			Status   []string `json:"status"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(app.Rules[i].Pattern, &pattern); err != nil {
		t.Fatal(err)
	}
	slices.Sort(pattern.Detail.Status)
	if diff := cmp.Diff([]string{"ABORTED", "FAILED", "SUCCEEDED", "TIMED_OUT"}, pattern.Detail.Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if want := []string{app.Outputs["StateMachineArn"]}; !slices.Equal(pattern.Detail.Machines, want) {
		t.Errorf("got state machines %q, want %q", pattern.Detail.Machines, want)
	}
	target := template.Target{ID: "Permits", ARN: queue(t, app, "permits").ARN, Input: `{"permit":1}`}
	if diff := cmp.Diff([]template.Target{target}, app.Rules[i].Targets); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	count := template.Schedule{Expression: "rate(1 minute)", Input: `{"count":"permits"}`}
	if diff := cmp.Diff([]template.Schedule{count}, function(t, app, "dispatch").Schedules); diff != "" {
		t.Errorf("schedules of dispatch (-want +got):\n%s", diff)
	}
}

// load reads the main template.
func load(t *testing.T, parameters map[string]string) *template.Application {
	t.Helper()
	app, err := template.Load(mainTemplate, template.Options{Parameters: parameters})
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// function returns the function of a folder.
func function(t *testing.T, app *template.Application, folder string) template.Function {
	t.Helper()
	i := slices.IndexFunc(app.Functions, func(f template.Function) bool { return f.Short == folder })
	if i < 0 {
		t.Fatalf("got no function %s, want it", folder)
	}
	return app.Functions[i]
}

// queue returns a queue by its name without the stack's.
func queue(t *testing.T, app *template.Application, name string) template.Queue {
	t.Helper()
	i := slices.IndexFunc(app.Queues, func(q template.Queue) bool { return q.Name == "lazaret-"+name })
	if i < 0 {
		t.Fatalf("got no queue %s, want it", name)
	}
	return app.Queues[i]
}
