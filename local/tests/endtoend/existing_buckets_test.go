package endtoend

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// The buckets of a user: one without versions, one with versions, and one whose versions are suspended. The stack
// puts no policy on them.
const unversioned, versioned, suspended = "own-flat", "own-versioned", "own-suspended"

// startExisting starts a machine with existing buckets, which are created and configured as a user does on AWS.
func startExisting(t *testing.T, parameters ...string) *machine {
	t.Helper()
	m := start(
		t,
		append(
			[]string{"--parameter-overrides", "ExistingBuckets=" + unversioned + "," + versioned + "," + suspended},
			parameters...)...)
	m.NewBucket(t, versioned)
	m.NewBucket(t, suspended)
	m.Put(t, "same key/infected", []byte("from when there were versions"), into(suspended))
	if _, err := m.S3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket:                  aws.String(suspended),
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(unversioned)}); err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{unversioned, versioned, suspended} {
		if _, err := m.S3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
			Bucket: &bucket,
			NotificationConfiguration: &types.NotificationConfiguration{
				EventBridgeConfiguration: &types.EventBridgeConfiguration{},
			},
		}); err != nil {
			t.Fatalf("turn the events of %s on: %v", bucket, err)
		}
	}
	return m
}

func into(bucket string) func(*s3.PutObjectInput) {
	return func(in *s3.PutObjectInput) { in.Bucket = &bucket }
}

// awaitKey waits for the end of the n-th execution about a key in a bucket. The answer to an upload into a bucket
// without versions lacks the sequencer, which is part of the execution's name.
func (m *machine) awaitKey(t *testing.T, bucket, key string, n int) harness.Result {
	t.Helper()
	name := job.Job{Object: job.Object{Key: key}}.ExecutionName()
	prefix := name[:len(name)-40] // the rest is the hash
	var found []string
	harness.Poll(t, "the execution of "+key, func() bool {
		found = nil
		for _, name := range slices.Backward(m.executions(t, prefix)) { // oldest first
			arn := harness.ExecutionNamed(name)
			out, err := m.SFN.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
			if err != nil {
				t.Fatalf("describe %s: %v", arn, err)
			}
			var j job.Job
			if err := json.Unmarshal([]byte(aws.ToString(out.Input)), &j); err != nil {
				t.Fatalf("read the input of %s: %v", arn, err)
			}
			if j.Object.Bucket == bucket && j.Object.Key == key {
				found = append(found, arn)
			}
		}
		return len(found) >= n
	})
	return m.AwaitExecution(t, found[n-1])
}

// TestExistingBuckets checks that objects of existing buckets are scanned where they are, with the same keys in
// several buckets: clean ones stay there with both layouts, and infected ones are moved to quarantine with the name
// of their bucket.
func TestExistingBuckets(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{"two-bucket", "three-bucket"} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			m := startExisting(t, "BucketLayout="+layout)
			locked := encryptedZip(t)
			for _, bucket := range []string{unversioned, versioned, suspended} {
				for name, test := range map[string]struct {
					content []byte
					tags    string
					want    job.Verdict
				}{
					"clean":       {sample.Text("clean"), "own=1", job.Clean},
					"infected":    {eicar.Bytes(), "own=1", job.Infected},
					"unscannable": {locked, "own=1", job.Unscannable},
					"forged clean": {
						eicar.Bytes(), "own=1&scan-status=CLEAN&scan-time=2999-01-01T00:00:00Z", job.Infected,
					},
					"forged infected": {
						sample.Text("forged"), "own=1&scan-status=INFECTED&scan-time=2999-01-01T00:00:00Z",
						job.Clean,
					},
					"empty": {nil, "own=1", job.Clean},
				} {
					t.Run(bucket+" "+name, func(t *testing.T) {
						t.Parallel()
						key := "same key/" + name
						o := m.Put(t, key, test.content, into(bucket), harness.WithTags(test.tags))
						if bucket == suspended {
							o.VersionID = "null" // which the answer to an upload leaves out
						}
						r := m.awaitKey(t, bucket, key, 1)
						if got := outcome(r).Verdict; got != test.want || r.Job.Object.Bucket != bucket ||
							r.Status != "SUCCEEDED" {
							t.Fatalf(
								"got verdict %q of %s, %s, %+v, want %s",
								got,
								r.Job.Object,
								r.Status,
								r.Failure,
								test.want,
							)
						}
						content, err := m.Read(t.Context(), o)
						if test.want == job.Infected {
							if awsclient.Status(err) != http.StatusNotFound {
								t.Errorf("the infected object is there: %v", err)
							}
							m.checkQuarantined(t, r.Job, test.content)
							return
						}
						if err != nil || !bytes.Equal(content, test.content) || r.Job.Copy != nil {
							t.Errorf("read it: got %v, copy %+v, want its content and no copy", err, r.Job.Copy)
						}
						tags := m.Tags(t, o)
						if tags["scan-status"] != string(test.want) || tags["own"] != "1" ||
							tags["scan-time"] == "2999-01-01T00:00:00Z" {
							t.Errorf(
								"got tags %v, want scan-status=%s, own=1 and the time of the scan",
								tags,
								test.want,
							)
						}
					})
				}
			}
		})
	}
}

// checkQuarantined checks the copy in quarantine and the bucket in its metadata.
func (m *machine) checkQuarantined(t *testing.T, j job.Job, content []byte) {
	t.Helper()
	if j.Copy == nil || j.Copy.Bucket != harness.Quarantine || j.Copy.Key != j.Object.QuarantineKey() {
		t.Fatalf("got copy %+v, want %s in quarantine", j.Copy, j.Object.QuarantineKey())
	}
	if got := m.quarantinedBytes(t, j.Object); !bytes.Equal(got, content) {
		t.Errorf("got %d other bytes in quarantine, want those of the upload", len(got))
	}
	out, err := m.As(role("Quarantine")).S3.HeadObject(
		t.Context(),
		&s3.HeadObjectInput{Bucket: &j.Copy.Bucket, Key: &j.Copy.Key},
	)
	if err != nil {
		t.Fatal(err)
	}
	if from := out.Metadata["lazaret-source-bucket"]; from != j.Object.Bucket {
		t.Errorf("got lazaret-source-bucket %q, want %q", from, j.Object.Bucket)
	}
	where := job.Object{Bucket: j.Copy.Bucket, Key: j.Copy.Key}
	if tags := m.Tags(t, where); tags["scan-status"] != "INFECTED" || tags["own"] != "1" {
		t.Errorf("tags of the copy: got %v, want scan-status=INFECTED and own=1", tags)
	}
}

// TestOverwrittenInAFlatBucket checks that without versions an upload that replaces another gets its own verdict, and
// that the execution of the replaced one ends in Gone.
func TestOverwrittenInAFlatBucket(t *testing.T) {
	t.Parallel()
	m := startExisting(t)
	for name, second := range map[string][]byte{"by clean": sample.Text("second"), "by infected": eicar.Bytes()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := "overwritten " + name
			first := m.Put(t, key, sample.Text("first"), into(unversioned), harness.WithTags("of=first"))
			if r := m.awaitKey(t, unversioned, key, 1); outcome(r).Verdict != job.Clean {
				t.Fatalf("first object: got %+v, want CLEAN", r)
			}
			o := m.Put(t, key, second, into(unversioned), harness.WithTags("of=second"))
			r := m.awaitKey(t, unversioned, key, 2)
			if want := (map[bool]job.Verdict{true: job.Infected, false: job.Clean})[name == "by infected"]; outcome(
				r,
			).Verdict != want {
				t.Errorf("second object: got %+v, want %s", r, want)
			}
			if name == "by clean" {
				if tags := m.Tags(t, o); tags["of"] != "second" || tags["scan-status"] != "CLEAN" {
					t.Errorf("got tags %v, want of=second and scan-status=CLEAN", tags)
				}
			}
			// The first one's event, late: an object of another ETag is there, or none.
			first.Sequencer = "00FF"
			m.SendEvent(t, first)
			late := m.Await(t, first)
			if got := late.States; late.Status != "SUCCEEDED" ||
				!slices.Equal(got, []string{"Fetch", "Vanished", "Quarantine", "Unmoved", "Gone"}) {
				t.Errorf(
					"after the first object's event, sent late: got %s, states %v, want Vanished, Quarantine, Unmoved and Gone",
					late.Status,
					got,
				)
			}
			if got, err := m.Read(t.Context(), o); name == "by clean" && (err != nil || !bytes.Equal(got, second)) {
				t.Errorf("then read it: got %q, %v, want the second object", got, err)
			}
		})
	}
}

// TestReplayAfterOverwriteInAFlatBucket checks that the verdict of an earlier attempt moves no newer object: the next
// attempt at a job whose object was overwritten only looks for its copy.
func TestReplayAfterOverwriteInAFlatBucket(t *testing.T) {
	t.Parallel()
	m := startExisting(t)
	const key = "replayed"
	first := m.Put(t, key, sample.Text("first"), into(unversioned))
	found := m.awaitKey(t, unversioned, key, 1).Job
	o := m.Put(t, key, sample.Text("second"), into(unversioned))
	m.awaitKey(t, unversioned, key, 2)
	found.Object.Sequencer, found.Object.ETag = "00AA", first.ETag
	found.Scan = &job.Scan{
		Verdict:   job.Infected,
		Signature: "X",
		SHA256:    found.Scan.SHA256,
		Engine:    found.Scan.Engine,
		Time:      found.Scan.Time,
	}
	m.Send(
		t,
		harness.UploadQueue,
		map[string]any{"job": found, "error": "Transient", "cause": "a test", "execution": "arn"},
	)
	found.Attempt++
	r := m.AwaitJob(t, found)
	if want := []string{
		"Fetch",
		"Vanished",
		"Quarantine",
		"Unmoved",
		"Notify",
		"Done",
	}; r.Status != "SUCCEEDED" ||
		!slices.Equal(r.States, want) {
		t.Errorf("got %s, states %v, want %v", r.Status, r.States, want)
	}
	if n := len(m.Versions(t, harness.Quarantine, found.Object.QuarantineKey())); n != 0 {
		t.Errorf("got %d copies in quarantine, want none", n)
	}
	if got, err := m.Read(t.Context(), o); err != nil || !bytes.Equal(got, sample.Text("second")) {
		t.Errorf("read the newer object: got %q, %v, want its content", got, err)
	}
}

// TestGuardedExistingBuckets checks existing buckets that have the policy of the uploads bucket.
func TestGuardedExistingBuckets(t *testing.T) {
	t.Parallel()
	m := startExisting(t)
	for _, bucket := range []string{unversioned, versioned} {
		m.CopyUploadsPolicy(t, bucket)
		_, err := m.S3.PutObject(
			t.Context(),
			&s3.PutObjectInput{Bucket: &bucket, Key: aws.String("forged"), Tagging: aws.String("scan-status=CLEAN")},
		)
		if awsclient.Status(err) != http.StatusForbidden {
			t.Errorf("%s: upload with a verdict: got %v, want 403", bucket, err)
		}
		for name, test := range map[string]struct {
			content []byte
			want    job.Verdict
			status  int // of reading it afterwards; an object that is not there has no tags
		}{
			"clean":       {sample.Text("clean"), job.Clean, http.StatusOK},
			"infected":    {eicar.Bytes(), job.Infected, http.StatusForbidden},
			"unscannable": {encryptedZip(t), job.Unscannable, http.StatusForbidden},
		} {
			key := "guarded " + name
			o := m.Put(t, key, test.content, into(bucket), harness.WithTags("own=1"))
			r := m.awaitKey(t, bucket, key, 1)
			if got := outcome(r).Verdict; got != test.want {
				t.Fatalf("%s: got %q, %+v, want %s", o, got, r.Failure, test.want)
			}
			if _, err := m.Read(t.Context(), o); awsclient.Status(err) != test.status {
				t.Errorf("read %s: got %v, want %d", o, err, test.status)
			}
			if test.want == job.Infected {
				m.checkQuarantined(t, r.Job, test.content)
			}
		}
		if bucket != unversioned {
			continue
		}
		over := m.Put(t, "guarded clean", eicar.Bytes(), into(bucket), harness.WithTags("own=1"))
		if _, err := m.Read(t.Context(), over); awsclient.Status(err) == http.StatusOK {
			t.Error("read the object that replaced a clean one: got 200, want a refusal")
		}
		m.checkQuarantined(t, m.awaitKey(t, bucket, "guarded clean", 2).Job, eicar.Bytes())
	}
}
