package endtoend

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// failedAttempt is a first attempt at an object that fails.
type failedAttempt struct {
	name    string
	which   string // call that is disturbed
	act     action
	content []byte
	status  types.ExecutionStatus
	err     string // in the dead letter, or what the execution died of
	first   end
	replay  end
}

// TestReplay makes first attempts fail in every possible way, checks their dead letters, and sends these back to the
// uploads queue. The second attempts end as the first should have.
func TestReplay(t *testing.T) {
	eachLane(t, testReplay)
}

func testReplay(t *testing.T, workflow string) {
	p := startWithProxy(
		t,
		"--time-scale",
		"200",
		"--parameter-overrides",
		"BucketLayout=three-bucket",
		"AnnounceClean=true",
		workflow,
		"--template",
		harness.AlteredTemplate(t,
			// A comparison that finds nothing to compare is no error that a Catch sees.
			`{ "Not": { "Variable": "$.scan.verdict"`, `{ "And": [
			{ "Variable": "$.object.key", "StringEquals": "fails outside every Catch" },
			{ "Variable": "$.attempt", "NumericEquals": 0 },
			{ "Variable": "$.nowhere", "StringEquals": "" }], "Next": "Done" },
		{ "Not": { "Variable": "$.scan.verdict"`),
	)
	p.subscribe(t)
	t.Cleanup(func() { p.RemoveWorkFiles(t) })
	infected, harmless := eicar.Bytes(), sample.Text("patient")
	denied := answerError(http.StatusForbidden, "AccessDenied")
	stopped := make(chan struct{})
	hold := p.holdUntil(t, stopped)
	const failed, aborted = types.ExecutionStatusFailed, types.ExecutionStatusAborted
	misfortunes := []failedAttempt{
		{"fetch refused", "fetch GetObject", denied, infected, failed, "AccessDenied", endDeadLetter, endQuarantined},
		{
			"tag refused, infected",
			"tag PutObjectTagging",
			denied,
			infected,
			"SUCCEEDED",
			"",
			endQuarantined,
			endQuarantined,
		},
		{
			"tag refused, clean",
			"tag PutObjectTagging",
			denied,
			harmless,
			failed,
			"AccessDenied",
			endDeadLetter,
			endClean,
		},
		{
			"quarantine refused",
			"quarantine CopyObject",
			denied,
			infected,
			failed,
			"AccessDenied",
			endDeadLetter,
			endQuarantined,
		},
		{
			"record refused",
			"quarantine PutObject",
			denied,
			infected,
			failed,
			"AccessDenied",
			endDeadLetter,
			endQuarantined,
		},
		{
			"deletion refused",
			"quarantine DeleteObject",
			denied,
			infected,
			failed,
			"AccessDenied",
			endDeadLetter,
			endQuarantined,
		},
		{"promotion refused", "promote CopyObject", denied, harmless, failed, "AccessDenied", endDeadLetter, endClean},
		{
			"topic refused",
			"notify Publish",
			answerError(http.StatusForbidden, "AuthorizationError"),
			infected,
			failed,
			"AccessDenied",
			endDeadLetter,
			endQuarantined,
		},
		{
			"bus refused",
			"notify PutEvents",
			answerError(0, "AccessDeniedException"),
			infected,
			failed,
			"AccessDenied",
			endDeadLetter,
			endQuarantined,
		},
		{
			"topic refused, clean",
			"notify Publish",
			answerError(http.StatusForbidden, "AuthorizationError"),
			harmless,
			failed,
			"AccessDenied",
			endDeadLetter,
			endClean,
		},
		{
			"killed after promoting, each time",
			"promote",
			p.killFrom(t, 7),
			harmless,
			failed,
			"Runtime.ExitError",
			endDeadLetter,
			endClean,
		},
		{
			"killed after its deletion, each time",
			"quarantine",
			p.killFrom(t, 7),
			infected,
			failed,
			"Runtime.ExitError",
			endDeadLetter,
			endQuarantined,
		},
		{"aborted in Fetch", "fetch GetObject", hold, infected, aborted, "", endDeadLetter, endQuarantined},
		{"aborted in Promote", "promote CopyObject", hold, harmless, aborted, "", endDeadLetter, endClean},
		{
			"aborted in Quarantine, which was done",
			"quarantine DeleteObject",
			p.forwardThen(hold),
			infected,
			aborted,
			"",
			endDeadLetter,
			endQuarantined,
		},
		{"aborted in Notify", "notify Publish", hold, infected, aborted, "", endDeadLetter, endQuarantined},
		{
			"fails outside every Catch",
			"tag",
			forwardUnchanged,
			infected,
			failed,
			"States.Runtime",
			endDeadLetter,
			endQuarantined,
		},
	}
	if p.Express { // nobody can abort an EXPRESS execution
		misfortunes = slices.DeleteFunc(misfortunes, func(f failedAttempt) bool { return f.status == aborted })
	}
	first, replay := map[job.Object]end{}, map[job.Object]end{}
	objects := make([]job.Object, len(misfortunes))
	faults := make([]*proxyFault, len(misfortunes))
	for i, f := range misfortunes {
		faults[i] = p.addFault(f.which, f.name, f.act)
		objects[i] = p.Put(t, f.name, f.content)
		first[objects[i]], replay[objects[i]] = f.first, f.replay
	}
	for i, f := range misfortunes {
		if f.status == aborted {
			harness.Poll(t, f.name+" to be held", func() bool { return len(faults[i].seen()) > 0 })
			p.abort(t, objects[i])
		}
	}
	for i, f := range misfortunes {
		p.checkFailure(t, f, objects[i])
	}
	close(stopped)
	p.checkEnds(t, first)
	p.removeFaults()
	p.redriveAll(t)
	for i, f := range misfortunes {
		if f.status == "SUCCEEDED" {
			continue
		}
		r := p.AwaitJob(t, job.Job{Object: objects[i], Attempt: 1})
		if r.Status != "SUCCEEDED" || r.Job.Attempt != 1 {
			t.Errorf(
				"%s: second attempt: got %s, states %v, %+v, want SUCCEEDED",
				f.name,
				r.Status,
				r.States,
				r.Failure,
			)
		}
	}
	p.checkEnds(t, replay)
	told := p.announcements(t)
	for o, e := range replay {
		ids := map[string]bool{}
		for _, a := range told[o] {
			ids[a.ID] = true
			if want := map[end]string{endQuarantined: "quarantined", endClean: "promoted"}[e]; a.Disposition != want ||
				a.Copy == nil {
				t.Errorf("%s: got the announcement %s, want %q with a copy", o, a.text(), want)
			}
		}
		if len(ids) == 0 {
			t.Errorf("%s ended as %q: got no announcement, want one", o, e)
		}
	}
}

// TestTimedOut makes executions time out. The next machine on the same data, with the usual timeout, runs the second
// attempts.
func TestTimedOut(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := startWithProxy(
		t,
		"--data",
		data,
		"--template",
		harness.AlteredTemplate(t, `"TimeoutSeconds": 172800`, `"TimeoutSeconds": 1`),
	)
	p.addFault("fetch GetObject", "held", p.holdUntil(t, nil))
	objects := map[job.Object]end{
		p.Put(t, "held/a", eicar.Bytes()):    endDeadLetter,
		p.Put(t, "held/b", sample.Text("b")): endDeadLetter,
	}
	for o := range objects {
		if r := p.Await(t, o); r.Status != types.ExecutionStatusTimedOut {
			t.Errorf("%s: got %s, states %v, want TIMED_OUT", o, r.Status, r.States)
		}
	}
	p.checkEnds(t, objects)
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	m := start(t, "--data", data)
	m.checkEnds(t, objects)
	m.redriveAll(t)
	for o := range objects {
		if r := m.AwaitJob(t, job.Job{Object: o, Attempt: 1}); r.Status != "SUCCEEDED" {
			t.Errorf("%s: second attempt: got %s, states %v, %+v, want SUCCEEDED", o, r.Status, r.States, r.Failure)
		}
		objects[o] = endClean
		if o.Key == "held/a" {
			objects[o] = endQuarantined
		}
	}
	m.checkEnds(t, objects)
}

// checkFailure checks how a first attempt ended, and its dead letter.
func (p *proxy) checkFailure(t *testing.T, f failedAttempt, o job.Object) {
	t.Helper()
	r := p.Await(t, o)
	if r.Status != f.status {
		t.Errorf("%s: got %s, states %v, %+v, want %s", f.name, r.Status, r.States, r.Failure, f.status)
	}
	if r.Status != "FAILED" {
		return
	}
	out, err := p.Executions.Get(t.Context(), r.ARN, history.Window{})
	if err != nil {
		t.Fatal(err)
	}
	if f.err == "States.Runtime" {
		if out.Error != f.err || out.Lane != history.Standard {
			t.Errorf("%s: got the error %s in %s, want %s in STANDARD, which has the last word", f.name, out.Error, out.Lane, f.err)
		}
		return
	}
	letter := p.letterOf(t, o)
	if letter.Error != f.err || letter.Cause == "" || letter.Execution != r.ARN || !letter.Job.Object.Same(o) ||
		letter.Job.Attempt != 0 {
		t.Errorf("%s: got dead letter %+v, want the error %s of the first attempt of %s", f.name, letter, f.err, r.ARN)
	}
	if f.err == "AccessDenied" && !strings.Contains(letter.Cause, "by the test") {
		t.Errorf("%s: got the cause %q, want the message of the answer in it", f.name, letter.Cause)
	}
	if out.Error != "DeadLettered" || out.Cause != letter.Cause {
		t.Errorf("%s: got error %s, cause %q, want DeadLettered and the cause of the letter", f.name, out.Error, out.Cause)
	}
	if out.Lane == history.Express != p.Express {
		t.Errorf("%s: got the lane %s, want EXPRESS: %t", f.name, out.Lane, p.Express)
	}
}

// holdUntil returns an action that holds a call until the channel is closed and then kills the function, which can
// take no answer any more. It ends with the function, too.
func (p *proxy) holdUntil(t testing.TB, until <-chan struct{}) action {
	return func(n int, c proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
		select {
		case <-until:
			p.kill(t, n, false)(n, c, w, forward, r)
		case <-r.Context().Done():
		}
	}
}

// forwardThen returns an action that forwards the call before another action.
func (p *proxy) forwardThen(act action) action {
	return func(n int, c proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
		forward.ServeHTTP(httptest.NewRecorder(), r)
		act(n, c, w, forward, r)
	}
}

// killFrom returns an action that kills the function after its n-th call and all later ones.
func (p *proxy) killFrom(t testing.TB, nth int) action {
	return func(n int, c proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
		if n < nth {
			forward.ServeHTTP(w, r)
			return
		}
		p.kill(t, n, true)(n, c, w, forward, r)
	}
}

func (p *proxy) abort(t *testing.T, o job.Object) {
	t.Helper()
	arn := harness.ExecutionARN(job.Job{Object: o})
	if _, err := p.SFN.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &arn}); err != nil {
		t.Fatalf("stop %s: %v", arn, err)
	}
}

// redriveAll sends all dead letters to the queue of rescans, like aws sqs start-message-move-task.
func (m *machine) redriveAll(t testing.TB) {
	t.Helper()
	const queues = "arn:aws:sqs:us-east-1:000000000000:"
	in := &sqs.StartMessageMoveTaskInput{
		SourceArn:      aws.String(queues + harness.DeadLetterQueue),
		DestinationArn: aws.String(queues + harness.RescanQueue),
	}
	if _, err := m.SQS.StartMessageMoveTask(t.Context(), in); err != nil {
		t.Fatalf("move the dead letters back: %v", err)
	}
	harness.Poll(t, "an empty dead-letter queue", func() bool { return m.Depth(t, harness.DeadLetterQueue) == 0 })
}
