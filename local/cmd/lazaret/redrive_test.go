package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// operator is lazaret as an operator runs it against m, not started yet.
func operator(t *testing.T, m *harness.Machine, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	cmd = harness.Command(t, args...)
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=us-east-1",
		"AWS_ENDPOINT_URL="+m.Endpoint, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	return cmd, stdout, stderr
}

// operate runs lazaret to its end and returns what it printed and its exit code.
func operate(t *testing.T, m *harness.Machine, args ...string) (printed string, code int) {
	t.Helper()
	cmd, stdout, stderr := operator(t, m, args...)
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatalf("lazaret %q: %v", args, err)
	}
	return stdout.String() + stderr.String(), code
}

// expect runs lazaret and holds its exit code and its output to what is wanted.
func expect(t *testing.T, m *harness.Machine, want int, says []string, args ...string) {
	t.Helper()
	printed, code := operate(t, m, args...)
	if code != want {
		t.Errorf("lazaret %q: exit code %d, want %d", args, code, want)
	}
	for _, s := range says {
		if !strings.Contains(printed, s) {
			t.Errorf("lazaret %q does not say %q", args, s)
		}
	}
	if t.Failed() {
		t.Fatalf("lazaret %q printed:\n%s", args, printed)
	}
}

// tagLimited uploads a clean object that ends as a dead letter, and then gives
// it room for a verdict.
func tagLimited(t *testing.T, m *harness.Machine, key string) job.Object {
	t.Helper()
	var tags []string
	for i := range 10 {
		tags = append(tags, fmt.Sprintf("own-%d=%d", i, i))
	}
	o := m.Put(t, key, sample.Text("ten tags"), harness.WithTags(strings.Join(tags, "&")))
	if r := m.Await(t, o); r.Failure.Error != "TagLimit" {
		t.Fatalf("%s ended with %+v", key, r.Failure)
	}
	_, err := m.S3.PutObjectTagging(t.Context(), &s3.PutObjectTaggingInput{
		Bucket: &o.Bucket, Key: &o.Key, VersionId: &o.VersionID,
		Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: aws.String("own"), Value: aws.String("1")}}},
	})
	if err != nil {
		t.Fatalf("reduce the tags of %s: %v", key, err)
	}
	return o
}

// clean waits for the second attempt to end as the first could not.
func clean(t *testing.T, m *harness.Machine, o job.Object) {
	t.Helper()
	r := m.AwaitJob(t, job.Job{Object: o, Attempt: 1})
	if r.Status != "SUCCEEDED" || r.Job.Scan.Outcome() != "CLEAN" || r.Job.Attempt != 1 ||
		m.Tags(t, o)["scan-status"] != "CLEAN" {
		t.Errorf("%s: %s, %s, attempt %d", o.Key, r.Status, r.Job.Scan.Outcome(), r.Job.Attempt)
	}
}

func TestRedrive(t *testing.T) {
	t.Parallel()
	m := harness.Start(t, "--time-scale", "10")
	expect(t, m, 0, []string{"0 dead letters in lazaret-dead-letters"}, "redrive")
	matched, rest, moved := tagLimited(t, m, "reports/matched.txt"), tagLimited(
		t,
		m,
		"reports/rest\x1b[31m.txt",
	), tagLimited(t, m, "reports/moved.txt")
	m.Send(t, harness.DeadLetterQueue, "garbage")

	listing := []string{
		"4 dead letters",
		"TagLimit: 3",
		"tag limit reached",
		"?versionId=" + matched.VersionID,
		`rest\x1b[31m.txt`,
		"NotUnderstood: 1",
		"lazaret redrive --all",
	}
	expect(t, m, 0, listing, "redrive")
	expect(t, m, 0, listing, "redrive") // a listing hides nothing
	expect(
		t,
		m,
		0,
		[]string{
			`"seen": 4`,
			`"redriven": 0`,
			`"error": "NotUnderstood"`,
			`"s3://` + harness.Uploads + "/reports/matched.txt?versionId=" + matched.VersionID + `"`,
		},
		"redrive",
		"--output",
		"json",
	)
	expect(
		t,
		m,
		0,
		[]string{"1 dead letter would be redriven", "3 others seen and left"},
		"redrive",
		"--match",
		"matched",
		"--dry-run",
	)
	expect(t, m, 0, []string{"4 dead letters would be redriven"}, "redrive", "--all", "--dry-run")
	expect(t, m, 0, []string{"1 dead letter redriven", "3 others seen"}, "redrive", "--match", "matched")
	clean(t, m, matched)
	expect(t, m, 0, []string{"1 dead letter redriven"}, "redrive", "--match", "rest", "--limit", "5")
	clean(t, m, rest)
	if bodies := m.Bodies(t, harness.DeadLetterQueue); len(bodies) != 2 || !slices.Contains(bodies, "garbage") {
		t.Errorf("left among the dead letters: %q", bodies)
	}

	_, err := m.SQS.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{
		SourceArn:      aws.String("arn:aws:sqs:us-east-1:000000000000:" + harness.DeadLetterQueue),
		DestinationArn: aws.String("arn:aws:sqs:us-east-1:000000000000:" + harness.UploadQueue),
	})
	if err != nil {
		t.Fatal(err)
	}
	clean(t, m, moved)
	harness.Poll(
		t,
		"the letter that nobody understands",
		func() bool { return m.Depth(t, harness.DeadLetterQueue) == 1 },
	)
	expect(
		t,
		m,
		0,
		[]string{`"letters": []`, `"redriven": 1`},
		"redrive",
		"--all",
		"--output",
		"json",
	) // and comes back
}

// What fails again within the run is left, however fast it fails.
func TestRedriveOfAHopelessLetter(t *testing.T) {
	t.Parallel()
	m := harness.Start(t, "--time-scale", "10")
	o := m.Put(t, "ten tags", sample.Text("ten tags"), harness.WithTags("a=&b=&c=&d=&e=&f=&g=&h=&i=&j="))
	if r := m.Await(t, o); r.Failure.Error != "TagLimit" {
		t.Fatalf("%s ended with %+v", o.Key, r.Failure)
	}
	for attempt := 1; attempt <= 3; attempt++ {
		expect(t, m, 0, []string{"1 dead letter redriven to lazaret-rescans"}, "redrive", "--all")
		m.AwaitJob(t, job.Job{Object: o, Attempt: attempt})
		harness.Poll(t, "its dead letter", func() bool { return m.Depth(t, harness.DeadLetterQueue) == 1 })
	}
}

// An execution that died outside every Catch comes back through its event.
func TestRedriveOfAnAbortedExecution(t *testing.T) {
	t.Parallel()
	m := harness.Start(t, "--definitions", "none") // scans wait
	o := m.Put(t, "waits.txt", sample.Text("waits"))
	first, second := harness.ExecutionARN(job.Job{Object: o}), harness.ExecutionARN(job.Job{Object: o, Attempt: 1})
	abort := func(execution string) {
		t.Helper()
		harness.Poll(t, execution+" to wait for definitions", func() bool {
			_, err := m.SFN.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &execution})
			if _, missing := errors.AsType[*types.ExecutionDoesNotExist](err); missing {
				return false
			}
			return slices.ContainsFunc(m.History(t, execution), func(e history.Event) bool {
				return e.Error == "DefinitionsNotReady"
			})
		})
		if _, err := m.SFN.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &execution}); err != nil {
			t.Fatal(err)
		}
		harness.Poll(t, "its dead letter", func() bool { return m.Depth(t, harness.DeadLetterQueue) == 1 })
	}
	abort(first)
	expect(
		t,
		m,
		0,
		[]string{
			"1 dead letter in",
			"ABORTED: 1",
			"waits.txt?versionId=" + o.VersionID,
			first[strings.LastIndexByte(first, ':')+1:],
		},
		"redrive",
	)
	expect(t, m, 0, []string{"1 dead letter redriven"}, "redrive", "--match", first)
	abort(second)
	expect(t, m, exitNoVerdict, []string{"Scan", "DefinitionsNotReady", "still running", "goes on"},
		"scan", "--timeout", "5s", "s3://"+o.Bucket+"/"+o.Key)
	abandon(t, m)
}

// abandon stops what still waits and takes away its work files, which nobody
// would otherwise: the machine must end without any.
func abandon(t *testing.T, m *harness.Machine) {
	t.Helper()
	out, err := m.SFN.ListExecutions(t.Context(), &sfn.ListExecutionsInput{
		StateMachineArn: aws.String(harness.ScanMachine), StatusFilter: types.ExecutionStatusRunning,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range out.Executions {
		_, err := m.SFN.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: x.ExecutionArn})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range m.WorkFiles() {
		if err := os.Remove(filepath.Join(m.Data, "volume", "lazaret", "work", name)); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever happens to a redrive, no letter is lost, and a second one finishes.
func TestRedriveInterrupted(t *testing.T) {
	t.Parallel()
	const total = 1000
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			m := harness.Start(t, "--data", data)
			m.SQS = awsclient.SQS(m.Config) // an answer that is lost would look like lost letters
			// Queues of a stack that nobody reads from: what is in them can be counted.
			for _, queue := range []string{"av-uploads", "av-rescans", "av-dead-letters"} {
				m.NewQueue(t, queue)
			}
			fill(t, m, "av-dead-letters", total)
			cmd, stdout, stderr := operator(t, m, "redrive", "--all", "--stack-name", "av")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for m.Depth(t, "av-rescans") < total/10 {
				if err := t.Context().Err(); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if signal == syscall.SIGKILL { // what it held is visible again after five minutes, or at once after a restart
				if err := m.Stop(); err != nil {
					t.Fatal(err)
				}
				m = harness.Start(t, "--data", data)
				m.SQS = awsclient.SQS(m.Config)
			} else if code := cmd.ProcessState.ExitCode(); code != exitStopped ||
				!strings.Contains(stderr.String(), "stopped: before the end") {
				t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
			}
			dead, sent := m.Bodies(t, "av-dead-letters"), m.Bodies(t, "av-rescans")
			if len(dead) == 0 || len(sent) == 0 {
				t.Fatalf("it was not in the middle: %d dead letters, %d sent", len(dead), len(sent))
			}
			twice := len(dead) + len(sent) - distinct(dead, sent)
			if n := distinct(dead, sent); n != total || twice > 10 || twice > 0 && signal == syscall.SIGINT {
				t.Errorf("%d of %d are left, %d of them twice", n, total, twice)
			}
			expect(
				t,
				m,
				0,
				[]string{fmt.Sprintf("%d dead letters redriven", len(dead))},
				"redrive",
				"--all",
				"--stack-name",
				"av",
			)
			if n := distinct(m.Bodies(t, "av-rescans")); n != total || m.Depth(t, "av-dead-letters") != 0 {
				t.Errorf("in the end %d of %d are in rescans", n, total)
			}
		})
	}
}

// fill puts n different messages into a queue.
func fill(t *testing.T, m *harness.Machine, queue string, n int) {
	t.Helper()
	for i := 0; i < n; i += 10 {
		in := &sqs.SendMessageBatchInput{QueueUrl: aws.String(m.QueueURL(queue))}
		for j := range 10 {
			in.Entries = append(in.Entries, sqstypes.SendMessageBatchRequestEntry{
				Id: aws.String(fmt.Sprint(j)), MessageBody: aws.String(fmt.Sprint("message ", i+j)),
			})
		}
		if out, err := m.SQS.SendMessageBatch(t.Context(), in); err != nil || len(out.Failed) > 0 {
			t.Fatalf("fill %s: %v, %v", queue, out, err)
		}
	}
}

// distinct counts the different ones.
func distinct(lists ...[]string) int {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return len(slices.Compact(all))
}

func TestRedriveRefused(t *testing.T) {
	t.Parallel()
	m := harness.Start(t)
	tests := []struct {
		name string
		args []string
		says string
	}{
		{"no such stack", []string{"--all", "--stack-name", "none"}, "no queue none-"},
		{"all and some", []string{"--all", "--match", "x"}, "exclude each other"},
		{"an empty text", []string{"--match", ""}, "--all says so"},
		{"an argument", []string{"all"}, `want no argument, got ["all"]`},
		{"a limit below zero", []string{"--limit", "-1"}, "want 0 or more"},
		{"no such flag", []string{"--nope"}, "unknown flag: --nope"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, m, exitCannotStart, []string{tt.says}, append([]string{"redrive"}, tt.args...)...)
		})
	}
}
