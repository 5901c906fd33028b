package endtoend

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/internal/testing/need"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sweeps"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// retroScan starts what RetroScanSchedule starts, with the input of the template's schedule, and waits for its end.
func (m *machine) retroScan(t *testing.T, budget int) sweep.Summary {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(need.Programs(t), "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	input := regexp.MustCompile(`\{"question":"stale",.*\}`).FindString(string(text))
	input = strings.ReplaceAll(input, "${RetroScanBudget}", fmt.Sprint(budget))
	if !json.Valid([]byte(input)) || !strings.Contains(input, `"purpose":"retro"`) {
		t.Fatalf("the schedule of the template has the input %q, want the request of a retro-scan", input)
	}
	machine := "arn:aws:states:us-east-1:000000000000:stateMachine:lazaret-sweep"
	out, err := m.SFN.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine, Input: &input})
	if err != nil {
		t.Fatal(err)
	}
	sum, err := sweeps.Follow(t.Context(), m.SFN, *out.ExecutionArn, func() {})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestRetroScan plants a signature for objects that were CLEAN: in the uploads bucket or the clean bucket, in an
// existing bucket with the stack's policy, and in one without versions and policies. A retro-scan finds all of them,
// within its budget; they are moved, and announced with the verdict that they had.
func TestRetroScan(t *testing.T) {
	for _, layout := range []string{"two-bucket", "three-bucket"} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			testRetroScan(t, layout)
		})
	}
}

func testRetroScan(t *testing.T, layout string) {
	m := startExisting(t, "BucketLayout="+layout, "GuardDutyEvents=true")
	m.subscribe(t)
	m.CopyUploadsPolicy(t, versioned)
	own := harness.Uploads
	if layout == "three-bucket" {
		own = harness.Clean
	}
	began := time.Now().Add(-time.Second)
	var late, clean []job.Object
	for _, bucket := range []string{harness.Uploads, versioned, unversioned} {
		late = append(late, m.Put(t, "late "+bucket, []byte("lazaretlate in "+bucket), into(bucket)))
		clean = append(clean, m.Put(t, "clean "+bucket, []byte("harmless in "+bucket), into(bucket)))
	}
	for _, objects := range [][]job.Object{late, clean} {
		for i, o := range objects {
			r := m.awaitKey(t, o.Bucket, o.Key, 1)
			if outcome(r).Verdict != job.Clean || r.Job.Earlier != nil {
				t.Fatalf("%s: got %+v, want CLEAN and no earlier verdict", o, r.Job)
			}
			if c := r.Job.Copy; c != nil {
				objects[i] = job.Object{Bucket: c.Bucket, Key: c.Key, VersionID: c.VersionID}
			}
		}
	}
	if late[0].Bucket != own {
		t.Fatalf("the clean object is in %s, want %s", late[0].Bucket, own)
	}
	m.publishNew(t, "Late.Planted", "lazaretlate")
	// Engines use new definitions after five minutes at the latest, and a retro-scan waits for that.
	ago := unix.NsecToTimeval(time.Now().Add(-10 * time.Minute).UnixNano())
	current := filepath.Join(m.Data, "volume", "lazaret", "definitions", "current")
	if err := unix.Lutimes(current, []unix.Timeval{ago, ago}); err != nil {
		t.Fatal(err)
	}

	first := m.retroScan(t, 4)
	if first.Sent != 4 || first.Matched != 6 || !first.Spent || len(first.Windows) != 1 {
		t.Fatalf("with a budget of 4: got %+v, want 4 of 6 sent, and a budget that is spent", first)
	}
	m.AwaitIdle(t)
	m.retroScan(t, 100)
	m.AwaitIdle(t)

	for _, o := range late {
		r := m.awaitKey(t, o.Bucket, o.Key, runsBefore(o)+1)
		if outcome(r).Signature != "Late.Planted.UNOFFICIAL" || r.Job.Copy == nil || r.Job.Policy.PromoteClean {
			t.Fatalf("%s: got %s %+v, want it infected and moved", o, r.Status, r.Job)
		}
		e := r.Job.Earlier
		if e == nil || e.Verdict != job.Clean || e.Time.Before(began) || e.Time.After(time.Now()) {
			t.Errorf("%s: got the earlier verdict %+v, want CLEAN and its time", o, e)
		}
		if _, err := m.Read(t.Context(), o); awsclient.Status(err) == http.StatusOK || err == nil {
			t.Errorf("read %s: got no error, want a refusal or that it is gone", o)
		}
		if left := m.Versions(t, o.Bucket, o.Key); len(left) > 0 {
			t.Errorf("%s: versions %q are left, want none", o, left)
		}
		if n := len(m.Versions(t, harness.Quarantine, r.Job.Object.QuarantineKey())); n != 1 {
			t.Errorf("%s: %d copies in quarantine, want 1", o, n)
		}
	}
	for _, o := range clean {
		if _, err := m.Read(t.Context(), o); err != nil || m.Tags(t, o)["scan-status"] != "CLEAN" {
			t.Errorf("read %s: got %v and tags %v, want it CLEAN", o, err, m.Tags(t, o))
		}
	}
	if left := m.DeadLetters(t); len(left) > 0 {
		t.Errorf("got the dead letters %+v, want none", left)
	}
	announced := m.Bodies(t, "by-topic")
	for _, o := range late {
		found := slices.ContainsFunc(announced, func(body string) bool {
			var envelope struct{ Message string }
			var a struct {
				Summary string
				Object  job.Object
				Earlier *job.Earlier
			}
			return json.Unmarshal([]byte(body), &envelope) == nil && json.Unmarshal([]byte(envelope.Message), &a) == nil &&
				a.Object.Key == o.Key && a.Object.Bucket == o.Bucket &&
				a.Earlier != nil && strings.Contains(a.Summary, "was CLEAN since "+a.Earlier.Time.Format(time.RFC3339))
		})
		if !found {
			t.Errorf("%s: announced %q, want that it was CLEAN since a time", o, announced)
		}
	}
}

// runsBefore returns how many executions had the object itself before the retro-scan: the execution of an upload that
// was promoted is about the uploads bucket.
func runsBefore(o job.Object) int {
	if o.Bucket == harness.Clean {
		return 0
	}
	return 1
}

// TestVerdictsInTheCleanBucket: nobody but tag changes a verdict there, and nobody reads what is INFECTED.
func TestVerdictsInTheCleanBucket(t *testing.T) {
	t.Parallel()
	m := layout(t, "three-bucket")
	r := m.Await(t, m.Put(t, "tagged/later", []byte("a clean text, to be tagged")))
	if r.Job.Copy == nil {
		t.Fatalf("got %+v, want it promoted", r)
	}
	o := job.Object{Bucket: r.Job.Copy.Bucket, Key: r.Job.Copy.Key, VersionID: r.Job.Copy.VersionID}
	write := func(as clients, status string) int {
		_, err := as.S3.PutObjectTagging(t.Context(), &s3.PutObjectTaggingInput{
			Bucket: &o.Bucket, Key: &o.Key, VersionId: &o.VersionID, Tagging: &types.Tagging{TagSet: []types.Tag{
				{Key: aws.String("scan-status"), Value: &status},
			}},
		})
		return awsclient.Status(err)
	}
	remove := func(as clients) int {
		_, err := as.S3.DeleteObjectTagging(t.Context(), &s3.DeleteObjectTaggingInput{
			Bucket: &o.Bucket, Key: &o.Key, VersionId: &o.VersionID,
		})
		return awsclient.Status(err)
	}
	for name, as := range map[string]clients{
		"a user": m.user(), "fetch": m.as(role("Fetch")), "quarantine": m.as(role("Quarantine")),
		"release": m.as(role("Release")), "sweep": m.as(role("Sweep")),
	} {
		if got := write(as, "INFECTED"); got != http.StatusForbidden {
			t.Errorf("%s writes a verdict: got status %d, want 403", name, got)
		}
		if got := remove(as); got != http.StatusForbidden {
			t.Errorf("%s removes the verdict: got status %d, want 403", name, got)
		}
	}
	for _, status := range []string{"INFECTED", "UNSCANNABLE"} {
		if got := write(m.as(role("Tag")), status); got != 0 && got != http.StatusOK {
			t.Fatalf("tag writes %s: got status %d, want that it may", status, got)
		}
		if _, err := m.Read(t.Context(), o); awsclient.Status(err) != http.StatusForbidden {
			t.Errorf("read the %s object: got %v, want 403", status, err)
		}
	}
	for _, may := range []string{"Fetch", "Quarantine"} {
		if _, err := m.As(role(may)).Read(t.Context(), o); err != nil {
			t.Errorf("%s reads the object: %v", may, err)
		}
	}
	if _, err := m.As(role("Quarantine")).S3.DeleteObject(t.Context(), &s3.DeleteObjectInput{
		Bucket: &o.Bucket, Key: &o.Key, VersionId: &o.VersionID,
	}); err != nil {
		t.Errorf("quarantine deletes the version: %v", err)
	}
}
