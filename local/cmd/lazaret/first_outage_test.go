package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/mirror"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// The dead letters of the outage: 50 of three kinds.
const (
	outageUploads = 500
	full          = 25 // of these have no room for a verdict
	hidden        = 10 // objects of an existing bucket, which its policy hides from Lazaret
	noUploads     = 15 // messages that are no uploads
)

// TestFirstOutage goes the way of docs/outage.md: 500 objects are uploaded while dispatch is broken, 50 letters of
// three kinds come of it, one object cannot be read, one false positive is in quarantine, and the definitions are two
// days old. When dispatch is repaired, eleven commands of lazaret and two of the AWS CLI lead to a stack that is proved
// to be clean.
func TestFirstOutage(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	server, altered := mirrorFor(t, data)
	server.Offer(mirror.Set(1, time.Now().Add(-48*time.Hour), "firstword")...)
	flags := []string{
		"--time-scale", "50", "--data", data, "--mirror", server.URL, "--parameter-overrides", "ExistingBuckets=held",
		"--template",
	}
	const variable = "          STATE_MACHINE_ARN: !Ref ScanStateMachine\n"
	m, err := harness.Launch(t, data, append(slices.Clone(flags), altered(variable, ""))...)
	if err != nil {
		t.Fatal(err)
	}
	objects, contract, locked := uploadInOutage(t, m)
	harness.Poll(t, "the answer that dispatch fails", func() bool {
		printed, code := operate(t, m, "status")
		return code == 1 && strings.Contains(printed, "and dispatch fails")
	})
	if err := m.End(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}

	m = harness.Start(t, append(slices.Clone(flags), altered())...) // dispatch is repaired
	m.AwaitIdle(t)
	server.Offer(mirror.Set(2, time.Now(), "firstword")...)
	expect(t, m, 1, []string{
		"WRONG      definitions", "2 days 0 h old", "updates do not arrive",
		"dead letters  50: TagLimit 25, NotUnderstood 15, AccessDenied 10", "Next: lazaret definitions update",
	}, "status")
	expect(t, m, 0, []string{": updated"}, "definitions", "update")
	expect(t, m, 0, []string{"TagLimit: 25", "NotUnderstood: 15", "AccessDenied: 10", "the first expires "},
		"dead-letters", "list")
	expect(t, m, 0, []string{"15 dead letters removed"},
		"dead-letters", "discard", "--error", "NotUnderstood", "--reason", "no uploads", "--yes")
	for _, o := range objects[:full] { // aws s3api put-object-tagging, in a loop
		if _, err := m.S3.PutObjectTagging(t.Context(), &s3.PutObjectTaggingInput{
			Bucket: &o.Bucket, Key: &o.Key, VersionId: &o.VersionID,
			Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: aws.String("own"), Value: aws.String("1")}}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	m.CopyUploadsPolicy(t, "held") // aws s3api put-bucket-policy
	expect(t, m, 0, []string{"35 dead letters redriven"}, "redrive", "--all")
	m.AwaitIdle(t)
	expect(t, m, 0, []string{"UNSCANNABLE encrypted", "NoReadUnlessClean", "ask for the file in another form"},
		"explain", locked.Address())
	copied := m.Await(t, contract).Job.Copy
	if copied == nil {
		t.Fatalf("%s was not moved, want it in quarantine", contract)
	}
	at := job.Object{Bucket: copied.Bucket, Key: copied.Key, VersionID: copied.VersionID}
	expect(t, m, 0, []string{"if it is a false positive: lazaret release " + at.String()}, "explain", contract.Address())
	expect(t, m, 0, []string{"CLEAN allowed"}, "release", at.Address(), "--reason", "checked by hand")
	m.AwaitIdle(t)

	// The proof.
	expect(t, m, 0, []string{"each has a verdict"}, "reconcile", "--older-than", "0s")
	expect(t, m, 0, []string{" 0 failed"}, "verify")
	expect(t, m, 0, []string{"ok         definitions", "dead letters  none", "uploads       none waits"}, "status")
	for i, o := range objects {
		if i >= full && i < outageUploads && i%7 == 0 { // moved
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

// uploadInOutage uploads what nobody can work on: objects that are clean or infected, a false positive and an encrypted
// zip; and sends messages that are no uploads.
func uploadInOutage(t *testing.T, m *harness.Machine) (objects []job.Object, contract, locked job.Object) {
	t.Helper()
	held := m.ExistingBucket(t, "held")
	if _, err := m.S3.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{
		Bucket: aws.String("held"), Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Sid":"Mistake",
			"Effect":"Deny","Principal":"*","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":"arn:aws:s3:::held/*"}]}`),
	}); err != nil {
		t.Fatal(err)
	}
	objects = make([]job.Object, outageUploads+hidden)
	var uploads sync.WaitGroup
	for worker := range 10 {
		uploads.Go(func() {
			for i := worker; i < len(objects); i += 10 {
				content, change := sample.Text(fmt.Sprint(i)), harness.WithTags("own=1")
				switch {
				case i < full:
					change = harness.WithTags("a=&b=&c=&d=&e=&f=&g=&h=&i=&j=")
				case i >= outageUploads:
					change = held
				case i%7 == 0:
					content = eicar.Bytes()
				}
				objects[i] = m.Put(t, fmt.Sprintf("in/%d", i), content, change)
			}
		})
	}
	uploads.Wait()
	for range noUploads {
		m.Send(t, harness.UploadQueue, "no upload")
	}
	return objects, m.Put(t, "contract.eml", mailWith(t, "firstword")), m.Put(t, "locked.zip", sample.Encrypted())
}
