package main

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestFirstOutage goes the way of docs/outage.md: 500 objects are uploaded while dispatch does not run, ten of them
// without room for a verdict, and two messages that are no uploads come with them. When dispatch is repaired, five
// commands lead to a stack of which status says that nothing is wrong, and every object has its verdict.
func TestFirstOutage(t *testing.T) {
	t.Parallel()
	const total, full = 500, 10
	data := t.TempDir()
	flags := []string{"--time-scale", "50", "--data", data}
	m, err := harness.Launch(t, data, append(flags, "--template", broken(t))...)
	if err != nil {
		t.Fatal(err)
	}
	objects := make([]job.Object, total)
	var uploads sync.WaitGroup
	for worker := range 10 {
		uploads.Go(func() {
			for i := worker; i < total; i += 10 {
				content, change := sample.Text(fmt.Sprint(i)), harness.WithTags("own=1")
				switch {
				case i < full:
					change = harness.WithTags("a=&b=&c=&d=&e=&f=&g=&h=&i=&j=")
				case i%7 == 0:
					content = eicar.Bytes()
				}
				objects[i] = m.Put(t, fmt.Sprintf("in/%d", i), content, change)
			}
		})
	}
	uploads.Wait()
	m.Send(t, harness.UploadQueue, "no upload")
	m.Send(t, harness.UploadQueue, "no upload either")
	harness.Poll(t, "the answer that dispatch fails", func() bool {
		printed, code := operate(t, m, "status")
		return code == 1 && strings.Contains(printed, "and dispatch fails")
	})
	if err := m.End(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}

	m = harness.Start(t, flags...) // dispatch is repaired
	m.AwaitIdle(t)
	expect(t, m, 1, []string{"dead letters  12: TagLimit 10, NotUnderstood 2", "Next: lazaret dead-letters list"}, "status")
	expect(t, m, 0, []string{"TagLimit: 10", "NotUnderstood: 2", "the first expires "}, "dead-letters", "list")
	expect(t, m, 0, []string{"2 dead letters removed"},
		"dead-letters", "discard", "--error", "NotUnderstood", "--reason", "no uploads", "--yes")
	for _, o := range objects[:full] {
		if _, err := m.S3.PutObjectTagging(t.Context(), &s3.PutObjectTaggingInput{
			Bucket: &o.Bucket, Key: &o.Key, VersionId: &o.VersionID,
			Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: aws.String("own"), Value: aws.String("1")}}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, m, 0, []string{"10 dead letters redriven"}, "redrive", "--all")
	m.AwaitIdle(t)
	expect(t, m, 0, []string{"dead letters  none", "uploads       none waits"}, "status")
	for i, o := range objects {
		if i >= full && i%7 == 0 { // moved
			if left := m.Versions(t, o.Bucket, o.Key); len(left) > 0 {
				t.Errorf("%s is still there, want it in quarantine", o)
			}
			continue
		}
		if got := m.Tags(t, o)["scan-status"]; got != string(job.Clean) {
			t.Errorf("%s has the verdict %q, want CLEAN", o, got)
		}
	}
}
