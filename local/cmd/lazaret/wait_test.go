package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/cmd/lazaret/wait"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestWaitsOutliveAKill uploads 500 objects and waits for each of them, kills the machine with kill -9 amid the scans
// and starts it again. All waits end with the right verdict, also of objects that were moved meanwhile.
func TestWaitsOutliveAKill(t *testing.T) {
	t.Parallel()
	const total, workers = 500, 10
	data, port := t.TempDir(), freePort(t)
	flags := []string{
		"--time-scale", "50", "--port", port, "--data", data, "--parameter-overrides", "BucketLayout=three-bucket",
	}
	m, err := harness.Launch(t, data, flags...)
	if err != nil {
		t.Fatal(err)
	}
	api := s3.New(awsclient.S3(m.Config).Options(), func(o *s3.Options) { o.RetryMaxAttempts = 1 })
	buckets := wait.Buckets{Quarantine: harness.Quarantine, Clean: harness.Clean}
	ctx, cancel := context.WithTimeout(t.Context(), harness.WaitLimit)
	defer cancel()
	var mu sync.Mutex
	ended := 0
	var uploads, waits sync.WaitGroup
	for worker := range workers {
		uploads.Go(func() {
			for i := range total / workers {
				content, want := sample.Text(fmt.Sprint(worker, i)), job.Clean
				switch i % 5 {
				case 1:
					content, want = eicar.Bytes(), job.Infected
				case 2:
					content, want = sample.Encrypted(), job.Unscannable
				}
				o := m.Put(t, fmt.Sprintf("%d/%d", worker, i), content)
				waits.Go(func() {
					r, err := wait.Verdict(ctx, api, buckets, job.Object{Bucket: o.Bucket, Key: o.Key, VersionID: o.VersionID})
					if err != nil || r.Verdict != want {
						t.Errorf("%s: got %q, %v, want %s", o, r.Verdict, err, want)
					}
					mu.Lock()
					defer mu.Unlock()
					ended++
				})
			}
		})
	}
	last := m.Put(t, "by the command", sample.Text("by the command"))
	command, stdout, stderr := operator(t, m, "wait", last.Address())
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	uploads.Wait()
	harness.Poll(t, "some verdicts", func() bool { mu.Lock(); defer mu.Unlock(); return ended > total/10 })
	if err := m.End(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	t.Logf("killed after %d verdicts", ended)
	if ended == total {
		t.Error("all waits had ended before the machine was killed")
	}
	mu.Unlock()
	time.Sleep(time.Second) // waits meet a closed port
	again, err := harness.Launch(t, data, flags...)
	if err != nil {
		t.Fatal(err)
	}
	waits.Wait()
	if err := command.Wait(); err != nil || !strings.HasPrefix(stdout.String(), "CLEAN\n") {
		t.Errorf("lazaret wait ended with %v and printed\n%s%s", err, stdout, stderr)
	}
	again.AwaitIdle(t)
	if err := again.Stop(); err != nil {
		t.Error(err)
	}
}

// freePort returns a port on which nobody listens, for a machine that is started again.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestWait ends with the exit codes of scan, and finds what was moved before it began.
func TestWait(t *testing.T) {
	t.Parallel()
	m := harness.Start(t)
	infected := m.Put(t, "infected.com", eicar.Bytes())
	m.Await(t, infected)
	locked := m.Put(t, "locked.zip", sample.Encrypted())
	deleted := m.Put(t, "deleted.txt", sample.Text("deleted"))
	m.Await(t, deleted)
	m.Delete(t, deleted)
	for _, tt := range []struct {
		code int
		says []string
		args []string
	}{
		{1, []string{
			"INFECTED Eicar", "moved to 's3://" + harness.Quarantine + "/" + infected.QuarantineKey(),
		}, []string{infected.Address()}},
		{1, []string{`"verdict": "INFECTED"`, `"polls": 1`}, []string{infected.Address(), "--output", "json"}},
		{2, []string{"UNSCANNABLE encrypted\n" + locked.String()}, []string{"s3://" + harness.Uploads + "/locked.zip"}},
		{exitNoVerdict, []string{"it is gone", "was deleted before it was moved"}, []string{deleted.Address()}},
		{exitNoVerdict, []string{"?versionId="}, []string{"s3://" + harness.Uploads + "/deleted.txt"}},
		{exitNoVerdict, []string{"want more than 0"}, []string{"s3://a/b", "--timeout", "0s"}},
		{exitNoVerdict, []string{"NoSuchBucket"}, []string{"s3://nothing/k"}},
	} {
		expect(t, m, tt.code, tt.says, append([]string{"wait"}, tt.args...)...)
	}
	m.AwaitIdle(t)
}
