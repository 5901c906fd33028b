package endtoend

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// Access keys: the last parts of these principals' ARNs.
const (
	trustedReader    = "trusted-reader"     // named in TrustedReaderArns
	quarantineReader = "quarantine-analyst" // named in QuarantineReaderArn
	otherAccount     = "111122223333"       // another account's root
)

// readers are the parameters that name the first two.
const readers = "TrustedReaderArns=arn:aws:iam::000000000000:role/other,arn:aws:iam::000000000000:role/" + trustedReader +
	" QuarantineReaderArn=arn:aws:iam::000000000000:role/" + quarantineReader

// role returns the access key of a function's role.
func role(function string) string { return "lazaret-" + function + "FunctionRole" }

// statuses are values of the tag scan-status, "" for no tag. Only the exact value opens the gate.
var statuses = []string{"", "CLEAN", "INFECTED", "UNSCANNABLE", "clean", "CLEANER"}

// TestReadGate checks each gate with each verdict and reader. Tag's role writes the verdicts, on objects that are not
// scanned.
func TestReadGate(t *testing.T) {
	open := map[string]func(status string) bool{
		"clean-only":   func(status string) bool { return status == "CLEAN" },
		"not-infected": func(status string) bool { return status != "INFECTED" },
		"off":          func(string) bool { return true },
	}
	t.Parallel()
	for gate, opens := range open {
		t.Run(gate, func(t *testing.T) {
			t.Parallel()
			m := start(t, "--parameter-overrides", "BucketLayout=three-bucket ReadGate="+gate, readers)
			held := m.SilentBucket(t, "gate")
			for _, status := range statuses {
				o := m.Put(t, "status "+status, sample.Text(status), held)
				if status != "" {
					if err := m.as(role("Tag")).retag(
						t.Context(),
						o,
						&o.VersionID,
						"own=1&scan-status="+status,
					); err != nil {
						t.Fatalf("tag it %q: %v", status, err)
					}
				}
				for who, want := range map[string]bool{
					"test": opens(status), role("Scan"): opens(status), role("Notify"): opens(status), quarantineReader: opens(status),
					trustedReader: true, role("Fetch"): true, role("Quarantine"): true, role("Promote"): true,
					otherAccount: false,
				} {
					for how, got := range m.as(who).reads(t, o) {
						if want && got != http.StatusOK || !want && got != http.StatusForbidden {
							t.Errorf(
								"%s of %q as %s: got %d, want that it can be read: %v",
								how,
								status,
								who,
								got,
								want,
							)
						}
					}
				}
				if got := get(t, m.Endpoint+"/gate/status%20"+status); got != http.StatusForbidden {
					t.Errorf("%q without a signature: got %d, want 403", status, got)
				}
			}
		})
	}
}

// reads tries every request that reads an object, and returns the statuses of the answers.
func (c clients) reads(t *testing.T, o job.Object) map[string]int {
	t.Helper()
	statuses := map[string]int{}
	byVersion, byKey := &s3.GetObjectInput{
		Bucket:    &o.Bucket,
		Key:       &o.Key,
		VersionId: &o.VersionID,
	}, &s3.GetObjectInput{
		Bucket: &o.Bucket,
		Key:    &o.Key,
	}
	for how, in := range map[string]*s3.GetObjectInput{
		"version": byVersion, "key": byKey, "range": {Bucket: &o.Bucket, Key: &o.Key, Range: aws.String("bytes=1-2")},
	} {
		out, err := c.S3.GetObject(t.Context(), in)
		if statuses[how] = awsclient.Status(err); err == nil {
			out.Body.Close()
		}
	}
	_, err := c.S3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &o.Bucket, Key: &o.Key})
	statuses["head"] = awsclient.Status(err)
	if url, err := s3.NewPresignClient(c.S3).PresignGetObject(t.Context(), byKey); err != nil {
		t.Errorf("presign: %v", err)
	} else {
		statuses["presigned address"] = get(t, url.URL)
	}
	return statuses
}

func get(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// TestQuarantineIsShut checks that only the named role reads the quarantine, besides the function that writes to it.
func TestQuarantineIsShut(t *testing.T) {
	t.Parallel()
	m := start(t, "--parameter-overrides", readers)
	r := m.Await(t, m.Put(t, "infected", eicar.Bytes()))
	if r.Job.Copy == nil || r.Job.Copy.Bucket != harness.Quarantine {
		t.Fatalf("got %+v, want a copy in quarantine", r)
	}
	o := job.Object{Bucket: harness.Quarantine, Key: r.Job.Copy.Key, VersionID: r.Job.Copy.VersionID}
	for who, want := range map[string]int{
		"test": 403, trustedReader: 403, otherAccount: 403, role("Fetch"): 403, role("Tag"): 403, role("Scan"): 403,
		quarantineReader: 200, role("Quarantine"): 200,
	} {
		for how, got := range m.as(who).reads(t, o) {
			if got != want {
				t.Errorf("%s as %s: got %d, want %d", how, who, got, want)
			}
		}
	}
}

// TestRolesAreApart checks that no function's role can do what another one's can.
func TestRolesAreApart(t *testing.T) {
	t.Parallel()
	m := layout(t, "three-bucket")
	held := m.SilentBucket(t, "roles")
	everyone := []string{
		"test",
		otherAccount,
		role("Dispatch"),
		role("Fetch"),
		role("Scan"),
		role("Tag"),
		role("Quarantine"),
		role("Promote"),
		role("Notify"),
	}
	put := func(bucket string) func(clients, string) error {
		return func(c clients, key string) error {
			_, err := c.S3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key})
			return err
		}
	}
	for name, test := range map[string]struct {
		do  func(c clients, key string) error
		who string
	}{
		"write to quarantine": {put(harness.Quarantine), role("Quarantine")},
		"write to clean":      {put(harness.Clean), role("Promote")},
		"write a verdict": {func(c clients, key string) error {
			o := m.Put(t, key, nil, held)
			return c.retag(t.Context(), o, nil, "scan-status=CLEAN")
		}, role("Tag")},
		"remove a verdict": {func(c clients, key string) error {
			o := m.Put(t, key, nil, held)
			if err := m.as(role("Tag")).retag(t.Context(), o, nil, "scan-status=INFECTED"); err != nil {
				return fmt.Errorf("prepare: %w", err)
			}
			_, err := c.S3.DeleteObjectTagging(t.Context(), &s3.DeleteObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key})
			return err
		}, role("Tag")},
	} {
		for _, who := range everyone {
			want := http.StatusForbidden
			if who == test.who {
				want = http.StatusOK
			}
			if err := test.do(m.as(who), name+" as "+who); awsclient.Status(err) != want {
				t.Errorf("%s as %s: got %v, want %d", name, who, err, want)
			}
		}
	}
}
