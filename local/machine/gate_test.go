package machine

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// Access keys: the last parts of these principals' ARNs.
const (
	trusted   = "trusted-reader"     // named in TrustedReaderArns
	analyst   = "quarantine-analyst" // named in QuarantineReaderArn
	foreigner = "111122223333"       // another account's root
)

// readers is the parameters that name the first two.
const readers = "TrustedReaderArns=arn:aws:iam::000000000000:role/other,arn:aws:iam::000000000000:role/" + trusted +
	" QuarantineReaderArn=arn:aws:iam::000000000000:role/" + analyst

// role is the access key of a function's role.
func role(function string) string { return "lazaret-" + function + "FunctionRole" }

// statuses are what may stand on an object, "" for nothing. Only the exact word
// opens the gate.
var statuses = []string{"", "CLEAN", "INFECTED", "UNSCANNABLE", "clean", "CLEANER"}

// Each gate, for each verdict and reader. The verdicts are written by the one
// principal that may, on objects whose events are held back.
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
			m := Start(t, "--parameter-overrides", "BucketLayout=three-bucket ReadGate="+gate, readers)
			held := m.Hold(t, "gate")
			for _, status := range statuses {
				o := m.Put(t, "status "+status, sample.Text(status), held)
				if status != "" {
					if err := m.As(role("Tag")).retag(t.Context(), o, &o.VersionID, "own=1&scan-status="+status); err != nil {
						t.Fatalf("tag it %q: %v", status, err)
					}
				}
				for who, want := range map[string]bool{
					"test": opens(status), role("Scan"): opens(status), role("Notify"): opens(status), analyst: opens(status),
					trusted: true, role("Fetch"): true, role("Quarantine"): true, role("Promote"): true,
					foreigner: false,
				} {
					for how, got := range m.As(who).reads(t, o) {
						if want && got != http.StatusOK || !want && got != http.StatusForbidden {
							t.Errorf("%s of %q as %s: %d, want open %v", how, status, who, got, want)
						}
					}
				}
				if got := get(t, m.Endpoint+"/gate/status%20"+status); got != http.StatusForbidden {
					t.Errorf("%q without a signature: %d", status, got)
				}
			}
		})
	}
}

// reads tries every way of reading an object and returns the answers' statuses.
func (c Clients) reads(t *testing.T, o job.Object) map[string]int {
	t.Helper()
	statuses := map[string]int{}
	byVersion, byKey := &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: &o.VersionID}, &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key}
	for how, in := range map[string]*s3.GetObjectInput{
		"version": byVersion, "key": byKey, "range": {Bucket: &o.Bucket, Key: &o.Key, Range: aws.String("bytes=1-2")},
	} {
		out, err := c.S3.GetObject(t.Context(), in)
		if statuses[how] = Status(err); err == nil {
			out.Body.Close()
		}
	}
	_, err := c.S3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &o.Bucket, Key: &o.Key})
	statuses["head"] = Status(err)
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

// Nobody but the named role reads the quarantine, and nobody but its function
// writes to it.
func TestQuarantineIsShut(t *testing.T) {
	t.Parallel()
	m := Start(t, "--parameter-overrides", readers)
	r := m.Await(t, m.Put(t, "infected", eicar.Bytes()))
	if r.Job.Copy == nil || r.Job.Copy.Bucket != Quarantine {
		t.Fatalf("not quarantined: %+v", r)
	}
	o := job.Object{Bucket: Quarantine, Key: r.Job.Copy.Key, VersionID: r.Job.Copy.VersionID}
	for who, want := range map[string]int{
		"test": 403, trusted: 403, foreigner: 403, role("Fetch"): 403, role("Tag"): 403, role("Scan"): 403,
		analyst: 200, role("Quarantine"): 200,
	} {
		for how, got := range m.As(who).reads(t, o) {
			if got != want {
				t.Errorf("%s as %s: %d, want %d", how, who, got, want)
			}
		}
	}
}

// What one function's role may do, another's may not.
func TestRolesAreApart(t *testing.T) {
	t.Parallel()
	m := layout(t, "three-bucket")
	held := m.Hold(t, "roles")
	everyone := []string{"test", foreigner, role("Dispatch"), role("Fetch"), role("Scan"), role("Tag"), role("Quarantine"), role("Promote"), role("Notify")}
	put := func(bucket string) func(Clients, string) error {
		return func(c Clients, key string) error {
			_, err := c.S3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key})
			return err
		}
	}
	for name, test := range map[string]struct {
		do  func(c Clients, key string) error
		who string
	}{
		"write to quarantine": {put(Quarantine), role("Quarantine")},
		"write to clean":      {put(Clean), role("Promote")},
		"write a verdict": {func(c Clients, key string) error {
			o := m.Put(t, key, nil, held)
			return c.retag(t.Context(), o, nil, "scan-status=CLEAN")
		}, role("Tag")},
		"remove a verdict": {func(c Clients, key string) error {
			o := m.Put(t, key, nil, held)
			if err := m.As(role("Tag")).retag(t.Context(), o, nil, "scan-status=INFECTED"); err != nil {
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
			if err := test.do(m.As(who), name+" as "+who); Status(err) != want {
				t.Errorf("%s as %s: %v, want %d", name, who, err, want)
			}
		}
	}
}
