package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
)

// patience bounds every wait for something that must happen. It is long: only a
// test that fails waits that long, and the machine may be shared.
const patience = 60 * time.Second

// Result is an execution that has ended.
type Result struct {
	ARN    string
	Status types.ExecutionStatus
	Job    job.Job     // its output; of one that failed, what entered DeadLetter
	States []string    // that it entered, in order
	Dead   job.Failure // what led to DeadLetter
}

// Put uploads an object and returns its identity; changes are made to the
// request before it is sent.
func (m *Machine) Put(t testing.TB, key string, content []byte, changes ...func(*s3.PutObjectInput)) job.Object {
	t.Helper()
	in := &s3.PutObjectInput{Bucket: aws.String(Uploads), Key: &key, Body: bytes.NewReader(content)}
	for _, change := range changes {
		change(in)
	}
	out, err := m.S3.PutObject(t.Context(), in)
	if err != nil {
		t.Fatalf("upload %q: %v", key, err)
	}
	return job.Object{
		Bucket: *in.Bucket, Key: key, VersionID: aws.ToString(out.VersionId),
		ETag: strings.Trim(aws.ToString(out.ETag), `"`), Size: int64(len(content)),
	}
}

// Tagged gives an upload tags, as "a=1&b=2".
func Tagged(tags string) func(*s3.PutObjectInput) {
	return func(in *s3.PutObjectInput) { in.Tagging = &tags }
}

// Await waits for the end of the execution that the object's event starts.
func (m *Machine) Await(t testing.TB, o job.Object) Result {
	t.Helper()
	return m.AwaitJob(t, job.Job{Object: o})
}

// AwaitJob waits for the end of a job's execution; attempt and run are parts of
// its name.
func (m *Machine) AwaitJob(t testing.TB, j job.Job) Result {
	t.Helper()
	return m.await(t, ExecutionARN(j))
}

// await waits for the end of an execution.
func (m *Machine) await(t testing.TB, arn string) Result {
	t.Helper()
	r := Result{ARN: arn}
	var output string
	Poll(t, "the end of "+r.ARN, func() bool {
		var missing *types.ExecutionDoesNotExist
		out, err := m.SFN.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &r.ARN})
		if err != nil && !errors.As(err, &missing) {
			t.Fatalf("describe %s: %v", r.ARN, err)
		}
		if err != nil || out.Status == types.ExecutionStatusRunning {
			return false
		}
		r.Status, output = out.Status, aws.ToString(out.Output)
		return true
	})
	for _, e := range m.History(t, r.ARN) {
		if in := e.StateEnteredEventDetails; in != nil {
			r.States = append(r.States, aws.ToString(in.Name))
			if aws.ToString(in.Name) == "DeadLetter" {
				output = aws.ToString(in.Input)
			}
		}
	}
	if output != "" {
		if err := json.Unmarshal([]byte(output), &r.Job); err != nil {
			t.Fatalf("read the output of %s: %v", r.ARN, err)
		}
	}
	if r.Job.Error != nil {
		r.Dead = *r.Job.Error
	}
	return r
}

// ExecutionARN is the execution that runs j.
func ExecutionARN(j job.Job) string { return executionARN(j.ExecutionName()) }

func executionARN(name string) string {
	return strings.Replace(ScanMachine, ":stateMachine:", ":execution:", 1) + ":" + name
}

// History returns every event of an execution.
func (m *Machine) History(t testing.TB, executionARN string) []types.HistoryEvent {
	t.Helper()
	var all []types.HistoryEvent
	pages := sfn.NewGetExecutionHistoryPaginator(m.SFN, &sfn.GetExecutionHistoryInput{ExecutionArn: &executionARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatalf("read the history of %s: %v", executionARN, err)
		}
		all = append(all, page.Events...)
	}
	return all
}

// Tags returns the tags of an object's version.
func (m *Machine) Tags(t testing.TB, o job.Object) map[string]string {
	t.Helper()
	in := &s3.GetObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key}
	if o.VersionID != "" {
		in.VersionId = &o.VersionID
	}
	out, err := m.S3.GetObjectTagging(t.Context(), in)
	if err != nil {
		t.Fatalf("read the tags of %s: %v", o, err)
	}
	tags := map[string]string{}
	for _, tag := range out.TagSet {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags
}

// Read downloads an object's version, or the newest where it names none.
func (c Clients) Read(ctx context.Context, o job.Object) ([]byte, error) {
	in := &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key}
	if o.VersionID != "" {
		in.VersionId = &o.VersionID
	}
	out, err := c.S3.GetObject(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", o, err)
	}
	content, err := io.ReadAll(out.Body)
	return content, errors.Join(err, out.Body.Close())
}

// Poll waits until done returns true. What says what is waited for.
func Poll(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", patience, what)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("wait for %s: %v", what, t.Context().Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Idle waits until every message of the uploads queue has been handled and every
// execution has ended.
func (m *Machine) Idle(t testing.TB) {
	t.Helper()
	Poll(t, "the machine to be idle", func() bool {
		idle, err := m.idle(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return idle
	})
}

// idle looks at the queue first: what leaves it is an execution by then.
func (m *Machine) idle(ctx context.Context) (bool, error) {
	depth, err := m.depth(ctx, UploadQueue)
	if err != nil || depth > 0 {
		return false, err
	}
	out, err := m.SFN.ListExecutions(ctx, &sfn.ListExecutionsInput{
		StateMachineArn: aws.String(ScanMachine), StatusFilter: types.ExecutionStatusRunning,
	})
	if err != nil {
		return false, fmt.Errorf("list running executions: %w", err)
	}
	return len(out.Executions) == 0, nil
}
