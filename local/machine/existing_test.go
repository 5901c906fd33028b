package machine

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
	"github.com/lazaret/lazaret/local/sample"
)

// Buckets of a user's own: one that keeps no versions, one that does, and one
// that did. The stack puts no policy on them.
const flat, kept, suspended = "own-flat", "own-versioned", "own-suspended"

// startExisting starts a machine that watches buckets which are there already,
// made and set up by hand as on AWS.
func startExisting(t *testing.T, parameters ...string) *Machine {
	t.Helper()
	m := Start(t, append([]string{"--parameter-overrides", "ExistingBuckets=" + flat + "," + kept + "," + suspended}, parameters...)...)
	m.NewBucket(t, kept)
	m.NewBucket(t, suspended)
	m.Put(t, "same key/infected", []byte("from when there were versions"), into(suspended))
	if _, err := m.S3.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: aws.String(suspended), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(flat)}); err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{flat, kept, suspended} {
		if _, err := m.S3.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
			Bucket: &bucket, NotificationConfiguration: &types.NotificationConfiguration{EventBridgeConfiguration: &types.EventBridgeConfiguration{}},
		}); err != nil {
			t.Fatalf("turn the events of %s on: %v", bucket, err)
		}
	}
	return m
}

func into(bucket string) func(*s3.PutObjectInput) {
	return func(in *s3.PutObjectInput) { in.Bucket = &bucket }
}

// awaitKey waits for the end of the n-th execution about a key in a bucket. What
// S3 calls an upload to a bucket without versions only its event says.
func (m *Machine) awaitKey(t *testing.T, bucket, key string, n int) Result {
	t.Helper()
	name := job.Job{Object: job.Object{Key: key}}.ExecutionName()
	prefix := name[:len(name)-40] // the rest is the hash
	var found []string
	Poll(t, "the execution of "+key, func() bool {
		found = nil
		for _, name := range slices.Backward(m.executions(t, prefix)) { // oldest first
			arn := executionARN(name)
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
	return m.await(t, found[n-1])
}

// Objects of existing buckets are scanned where they are, though two buckets
// have the same keys: clean ones stay there in both layouts, infected ones go to quarantine, with the name of their bucket.
func TestExistingBuckets(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{"two-bucket", "three-bucket"} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			m := startExisting(t, "BucketLayout="+layout)
			locked := unscannable(t)
			for _, bucket := range []string{flat, kept, suspended} {
				for name, test := range map[string]struct {
					content []byte
					tags    string
					want    job.Verdict
				}{
					"clean":           {sample.Text("clean"), "own=1", job.Clean},
					"infected":        {eicar.Bytes(), "own=1", job.Infected},
					"unscannable":     {locked, "own=1", job.Unscannable},
					"forged clean":    {eicar.Bytes(), "own=1&scan-status=CLEAN&scan-time=2999-01-01T00:00:00Z", job.Infected},
					"forged infected": {sample.Text("forged"), "own=1&scan-status=INFECTED&scan-time=2999-01-01T00:00:00Z", job.Clean},
					"empty":           {nil, "own=1", job.Clean},
				} {
					t.Run(bucket+" "+name, func(t *testing.T) {
						t.Parallel()
						key := "same key/" + name
						o := m.Put(t, key, test.content, into(bucket), Tagged(test.tags))
						if bucket == suspended {
							o.VersionID = "null" // which the answer to an upload leaves out
						}
						r := m.awaitKey(t, bucket, key, 1)
						if got := outcome(r).Verdict; got != test.want || r.Job.Object.Bucket != bucket || r.Status != "SUCCEEDED" {
							t.Fatalf("verdict %q of %s, %s, %+v", got, r.Job.Object, r.Status, r.Dead)
						}
						content, err := m.Read(t.Context(), o)
						if test.want == job.Infected {
							if Status(err) != http.StatusNotFound {
								t.Errorf("the infected object is there: %v", err)
							}
							m.checkQuarantined(t, r.Job, test.content)
							return
						}
						if err != nil || !bytes.Equal(content, test.content) || r.Job.Copy != nil {
							t.Errorf("it is not where it was: %v, copy %+v", err, r.Job.Copy)
						}
						if tags := m.Tags(t, o); tags["scan-status"] != string(test.want) || tags["own"] != "1" || tags["scan-time"] == "2999-01-01T00:00:00Z" {
							t.Errorf("tags %v", tags)
						}
					})
				}
			}
		})
	}
}

// checkQuarantined looks at the copy and at the record of where it came from.
func (m *Machine) checkQuarantined(t *testing.T, j job.Job, content []byte) {
	t.Helper()
	if j.Copy == nil || j.Copy.Bucket != Quarantine || j.Copy.Key != j.Object.QuarantineKey() {
		t.Fatalf("copy %+v", j.Copy)
	}
	if got := m.quarantinedBytes(t, j.Object); !bytes.Equal(got, content) {
		t.Errorf("quarantine holds %d other bytes", len(got))
	}
	out, err := m.As(role("Quarantine")).S3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &j.Copy.Bucket, Key: &j.Copy.Key})
	if err != nil {
		t.Fatal(err)
	}
	if from := out.Metadata["lazaret-source-bucket"]; from != j.Object.Bucket {
		t.Errorf("its record names the bucket %q, it came from %q", from, j.Object.Bucket)
	}
	where := job.Object{Bucket: j.Copy.Bucket, Key: j.Copy.Key}
	if tags := m.Tags(t, where); tags["scan-status"] != "INFECTED" || tags["own"] != "1" {
		t.Errorf("the copy's tags are %v", tags)
	}
}

// Without versions, an upload that replaces another has a verdict of its own,
// and the one that was replaced ends as gone.
func TestOverwrittenInAFlatBucket(t *testing.T) {
	t.Parallel()
	m := startExisting(t)
	for name, second := range map[string][]byte{"by clean": sample.Text("second"), "by infected": eicar.Bytes()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := "overwritten " + name
			first := m.Put(t, key, sample.Text("first"), into(flat), Tagged("of=first"))
			if r := m.awaitKey(t, flat, key, 1); outcome(r).Verdict != job.Clean {
				t.Fatalf("first: %+v", r)
			}
			o := m.Put(t, key, second, into(flat), Tagged("of=second"))
			r := m.awaitKey(t, flat, key, 2)
			if want := (map[bool]job.Verdict{true: job.Infected, false: job.Clean})[name == "by infected"]; outcome(r).Verdict != want {
				t.Errorf("second: %+v, want %s", r, want)
			}
			if name == "by clean" {
				if tags := m.Tags(t, o); tags["of"] != "second" || tags["scan-status"] != "CLEAN" {
					t.Errorf("tags %v", tags)
				}
			}
			// The first one's event, late: an object of another ETag is there, or none.
			first.Sequencer = "00FF"
			m.Announce(t, first)
			late := m.Await(t, first)
			if got := late.States; late.Status != "SUCCEEDED" || len(got) != 3 || got[1] != "Vanished" || got[2] != "Gone" {
				t.Errorf("the first one's event, late: %s, states %v", late.Status, got)
			}
			if got, err := m.Read(t.Context(), o); name == "by clean" && (err != nil || !bytes.Equal(got, second)) {
				t.Errorf("then %q is there, %v", got, err)
			}
		})
	}
}

// What an earlier attempt found out about other bytes moves nothing: the replay
// of a job whose object was overwritten looks for its copy alone.
func TestReplayAfterOverwriteInAFlatBucket(t *testing.T) {
	t.Parallel()
	m := startExisting(t)
	const key = "replayed"
	first := m.Put(t, key, sample.Text("first"), into(flat))
	found := m.awaitKey(t, flat, key, 1).Job
	o := m.Put(t, key, sample.Text("second"), into(flat))
	m.awaitKey(t, flat, key, 2)
	found.Object.Sequencer, found.Object.ETag = "00AA", first.ETag
	found.Scan = &job.Scan{Verdict: job.Infected, Signature: "X", SHA256: found.Scan.SHA256, Engine: found.Scan.Engine, Time: found.Scan.Time}
	m.Send(t, UploadQueue, map[string]any{"job": found, "error": "Transient", "cause": "a test", "execution": "arn"})
	found.Attempt++
	r := m.AwaitJob(t, found)
	if want := []string{"Fetch", "Vanished", "Quarantine", "Unmoved", "Notify", "Done"}; r.Status != "SUCCEEDED" || !slices.Equal(r.States, want) {
		t.Errorf("%s, states %v, want %v", r.Status, r.States, want)
	}
	if n := len(m.Versions(t, Quarantine, found.Object.QuarantineKey())); n != 0 {
		t.Errorf("%d copies in quarantine", n)
	}
	if got, err := m.Read(t.Context(), o); err != nil || !bytes.Equal(got, sample.Text("second")) {
		t.Errorf("the newer object: %q, %v", got, err)
	}
}

// With the uploads bucket's policy on them, existing buckets are guarded like it.
func TestGuardedExistingBuckets(t *testing.T) {
	t.Parallel()
	m := startExisting(t)
	for _, bucket := range []string{flat, kept} {
		m.guard(t, bucket)
		_, err := m.S3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("forged"), Tagging: aws.String("scan-status=CLEAN")})
		if Status(err) != http.StatusForbidden {
			t.Errorf("%s: upload with a verdict: %v", bucket, err)
		}
		for name, test := range map[string]struct {
			content []byte
			want    job.Verdict
			status  int // of reading it afterwards; an object that is not there has no tags
		}{
			"clean":       {sample.Text("clean"), job.Clean, http.StatusOK},
			"infected":    {eicar.Bytes(), job.Infected, http.StatusForbidden},
			"unscannable": {unscannable(t), job.Unscannable, http.StatusForbidden},
		} {
			key := "guarded " + name
			o := m.Put(t, key, test.content, into(bucket), Tagged("own=1"))
			r := m.awaitKey(t, bucket, key, 1)
			if got := outcome(r).Verdict; got != test.want {
				t.Fatalf("%s: %q, %+v", o, got, r.Dead)
			}
			if _, err := m.Read(t.Context(), o); Status(err) != test.status {
				t.Errorf("read %s: %v, want %d", o, err, test.status)
			}
			if test.want == job.Infected {
				m.checkQuarantined(t, r.Job, test.content)
			}
		}
		if bucket != flat {
			continue
		}
		over := m.Put(t, "guarded clean", eicar.Bytes(), into(bucket), Tagged("own=1"))
		if _, err := m.Read(t.Context(), over); Status(err) == http.StatusOK {
			t.Error("what replaced a clean object could be read")
		}
		m.checkQuarantined(t, m.awaitKey(t, bucket, "guarded clean", 2).Job, eicar.Bytes())
	}
}
