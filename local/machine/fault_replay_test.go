package machine

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// misfortune is what becomes of the first attempt at an object.
type misfortune struct {
	name    string
	which   string // call that is disturbed
	act     action
	content []byte
	status  types.ExecutionStatus
	err     string // in the dead letter, or what the execution died of
	first   end
	replay  end
}

// TestReplay lets first attempts fail in every way there is, looks at their dead
// letters, moves those back to the uploads queue as they are, when the cause is
// gone, and sees the second attempts end as the first should have.
func TestReplay(t *testing.T) {
	t.Parallel()
	p := startFaulty(t, "--time-scale", "200", "--parameter-overrides", "BucketLayout=three-bucket", "AnnounceClean=true", "--template", Altered(t,
		// A comparison that finds nothing to compare is no error that a Catch sees.
		`{ "Not": { "Variable": "$.scan.verdict"`, `{ "And": [
			{ "Variable": "$.object.key", "StringEquals": "fails outside every Catch" },
			{ "Variable": "$.attempt", "NumericEquals": 0 },
			{ "Variable": "$.nowhere", "StringEquals": "" }], "Next": "Done" },
		{ "Not": { "Variable": "$.scan.verdict"`))
	p.listen(t)
	t.Cleanup(func() { p.clearWorkFiles(t) })
	infected, harmless := eicar.Bytes(), sample.Text("patient")
	denied := refuse(http.StatusForbidden, "AccessDenied")
	stopped := make(chan struct{})
	hold := p.hold(t, stopped)
	const failed, aborted = types.ExecutionStatusFailed, types.ExecutionStatusAborted
	misfortunes := []misfortune{
		{"fetch refused", "fetch GetObject", denied, infected, failed, "AccessDenied", endDead, endQuarantined},
		{"tag refused, infected", "tag PutObjectTagging", denied, infected, "SUCCEEDED", "", endQuarantined, endQuarantined},
		{"tag refused, clean", "tag PutObjectTagging", denied, harmless, failed, "AccessDenied", endDead, endClean},
		{"quarantine refused", "quarantine CopyObject", denied, infected, failed, "AccessDenied", endDead, endQuarantined},
		{"record refused", "quarantine PutObject", denied, infected, failed, "AccessDenied", endDead, endQuarantined},
		{"deletion refused", "quarantine DeleteObject", denied, infected, failed, "AccessDenied", endDead, endQuarantined},
		{"promotion refused", "promote CopyObject", denied, harmless, failed, "AccessDenied", endDead, endClean},
		{"topic refused", "notify Publish", refuse(http.StatusForbidden, "AuthorizationError"), infected, failed, "AccessDenied", endDead, endQuarantined},
		{"bus refused", "notify PutEvents", refuse(0, "AccessDeniedException"), infected, failed, "AccessDenied", endDead, endQuarantined},
		{"topic refused, clean", "notify Publish", refuse(http.StatusForbidden, "AuthorizationError"), harmless, failed, "AccessDenied", endDead, endClean},
		{"killed after promoting, each time", "promote", p.killFrom(t, 7), harmless, failed, "Runtime.ExitError", endDead, endClean},
		{"killed after its deletion, each time", "quarantine", p.killFrom(t, 7), infected, failed, "Runtime.ExitError", endDead, endQuarantined},
		{"aborted in Fetch", "fetch HeadObject", hold, infected, aborted, "", endDead, endQuarantined},
		{"aborted in Promote", "promote CopyObject", hold, harmless, aborted, "", endDead, endClean},
		{"aborted in Quarantine, which was done", "quarantine DeleteObject", p.doneThen(hold), infected, aborted, "", endDead, endQuarantined},
		{"aborted in Notify", "notify Publish", hold, infected, aborted, "", endDead, endQuarantined},
		{"fails outside every Catch", "tag", pass, infected, failed, "States.Runtime", endDead, endQuarantined},
	}
	first, replay := map[job.Object]end{}, map[job.Object]end{}
	objects := make([]job.Object, len(misfortunes))
	faults := make([]*fault, len(misfortunes))
	for i, f := range misfortunes {
		faults[i] = p.on(f.which, f.name, f.act)
		objects[i] = p.Put(t, f.name, f.content)
		first[objects[i]], replay[objects[i]] = f.first, f.replay
	}
	for i, f := range misfortunes {
		if f.status == aborted {
			Poll(t, f.name+" to be held", func() bool { return len(faults[i].seen()) > 0 })
			p.abort(t, objects[i])
		}
	}
	for i, f := range misfortunes {
		p.checkFailure(t, f, objects[i])
	}
	close(stopped)
	p.checkEnds(t, first)
	p.lift()
	p.moveBack(t)
	for i, f := range misfortunes {
		if f.status == "SUCCEEDED" {
			continue
		}
		r := p.AwaitJob(t, job.Job{Object: objects[i], Attempt: 1})
		if r.Status != "SUCCEEDED" || r.Job.Attempt != 1 {
			t.Errorf("%s: attempt 1: %s, states %v, %+v", f.name, r.Status, r.States, r.Dead)
		}
	}
	p.checkEnds(t, replay)
	told := p.told(t)
	for o, e := range replay {
		ids := map[string]bool{}
		for _, a := range told[o] {
			ids[a.ID] = true
			if want := map[end]string{endQuarantined: "quarantined", endClean: "promoted"}[e]; a.Disposition != want || a.Copy == nil {
				t.Errorf("%s was announced as %s", o, a.line())
			}
		}
		if len(ids) == 0 {
			t.Errorf("%s ended as %q and was never announced", o, e)
		}
	}
}

// TestTimedOut lets executions run out of their time, and has them replayed by
// the next machine, on the same data, which gives them all the time they need.
func TestTimedOut(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := startFaulty(t, "--data", data, "--template", Altered(t, `"TimeoutSeconds": 172800`, `"TimeoutSeconds": 1`))
	p.on("fetch HeadObject", "held", p.hold(t, nil))
	objects := map[job.Object]end{p.Put(t, "held/a", eicar.Bytes()): endDead, p.Put(t, "held/b", sample.Text("b")): endDead}
	for o := range objects {
		if r := p.Await(t, o); r.Status != types.ExecutionStatusTimedOut {
			t.Errorf("%s: %s, states %v", o, r.Status, r.States)
		}
	}
	p.checkEnds(t, objects)
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	m := Start(t, "--data", data)
	m.checkEnds(t, objects)
	m.moveBack(t)
	for o := range objects {
		if r := m.AwaitJob(t, job.Job{Object: o, Attempt: 1}); r.Status != "SUCCEEDED" {
			t.Errorf("%s: attempt 1: %s, states %v, %+v", o, r.Status, r.States, r.Dead)
		}
		objects[o] = endClean
		if o.Key == "held/a" {
			objects[o] = endQuarantined
		}
	}
	m.checkEnds(t, objects)
}

// checkFailure looks at how a first attempt ended and at what is in its dead
// letter.
func (p *proxy) checkFailure(t *testing.T, f misfortune, o job.Object) {
	t.Helper()
	r := p.Await(t, o)
	if r.Status != f.status {
		t.Errorf("%s: %s, states %v, %+v, want %s", f.name, r.Status, r.States, r.Dead, f.status)
	}
	if r.Status != "FAILED" {
		return
	}
	out, err := p.SFN.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &r.ARN})
	if err != nil {
		t.Fatal(err)
	}
	if f.err == "States.Runtime" {
		if aws.ToString(out.Error) != f.err {
			t.Errorf("%s: failed with %s", f.name, aws.ToString(out.Error))
		}
		return
	}
	letter := p.letterOf(t, o)
	if letter.Error != f.err || letter.Cause == "" || letter.Execution != r.ARN || !letter.Job.Object.Same(o) || letter.Job.Attempt != 0 {
		t.Errorf("%s: dead letter %+v", f.name, letter)
	}
	if f.err == "AccessDenied" && !strings.Contains(letter.Cause, "by the test") {
		t.Errorf("%s: the cause does not say what was answered: %s", f.name, letter.Cause)
	}
	if aws.ToString(out.Error) != "DeadLettered" || aws.ToString(out.Cause) != letter.Cause {
		t.Errorf("%s: failed with %s, %s", f.name, aws.ToString(out.Error), aws.ToString(out.Cause))
	}
}

// hold makes a call wait until the test says so, and then ends the function that
// made it: nobody is there any more to take the answer. It waits no longer than
// the function does.
func (p *proxy) hold(t testing.TB, until <-chan struct{}) action {
	return func(n int, c call, w http.ResponseWriter, forward http.Handler, r *http.Request) {
		select {
		case <-until:
			p.kill(t, n, false)(n, c, w, forward, r)
		case <-r.Context().Done():
		}
	}
}

// doneThen does what the call asks before something else happens to it.
func (p *proxy) doneThen(act action) action {
	return func(n int, c call, w http.ResponseWriter, forward http.Handler, r *http.Request) {
		forward.ServeHTTP(httptest.NewRecorder(), r)
		act(n, c, w, forward, r)
	}
}

// killFrom kills the function after call n and all that follow.
func (p *proxy) killFrom(t testing.TB, nth int) action {
	return func(n int, c call, w http.ResponseWriter, forward http.Handler, r *http.Request) {
		if n < nth {
			forward.ServeHTTP(w, r)
			return
		}
		p.kill(t, n, true)(n, c, w, forward, r)
	}
}

func (p *proxy) abort(t *testing.T, o job.Object) {
	t.Helper()
	arn := ExecutionARN(job.Job{Object: o})
	if _, err := p.SFN.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &arn}); err != nil {
		t.Fatalf("stop %s: %v", arn, err)
	}
}

// moveBack is what an operator types: aws sqs start-message-move-task.
func (m *Machine) moveBack(t testing.TB) {
	t.Helper()
	const queues = "arn:aws:sqs:us-east-1:000000000000:"
	in := &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(queues + DeadQueue), DestinationArn: aws.String(queues + UploadQueue)}
	if _, err := m.SQS.StartMessageMoveTask(t.Context(), in); err != nil {
		t.Fatalf("move the dead letters back: %v", err)
	}
	Poll(t, "an empty dead-letter queue", func() bool { return m.Depth(t, DeadQueue) == 0 })
}
