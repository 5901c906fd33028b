package endtoend

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestSamples checks that every sample gets its verdict, its tags and its place, keeps its own tags, and can be read
// only where it is clean.
func TestSamples(t *testing.T) {
	eachLayoutAndLane(t, func(t *testing.T, m *machine, layout string) {
		for _, s := range sample.All() {
			t.Run(strings.ReplaceAll(s.Key, "/", " "), func(t *testing.T) {
				t.Parallel()
				own := ownTags(s.Tags)
				o := m.Put(t, s.Key, s.Content, own)
				r := m.Await(t, o)
				if diff := cmp.Diff(s.Want, outcome(r)); diff != "" {
					t.Fatalf("outcome (-want +got):\n%s", diff)
				}
				checkEvidence(t, r, s)
				m.checkPlace(t, o, r, s, layout)
			})
		}
	})
}

// checkEvidence checks the hash, the size, the engine and the definitions of a verdict.
func checkEvidence(t *testing.T, r harness.Result, s sample.Sample) {
	t.Helper()
	got := r.Job.Scan
	if got == nil {
		t.Fatalf("got job %+v, want a scan in it", r.Job)
	}
	hash := sha256.Sum256(s.Content)
	if got.Size != int64(len(s.Content)) || got.SHA256 != hex.EncodeToString(hash[:]) || got.Time.IsZero() {
		t.Errorf(
			"got a verdict about %d bytes, SHA-256 %s, at %s, want those of the upload and a time",
			got.Size,
			got.SHA256,
			got.Time,
		)
	}
	if s.Want.Engine == "clamd" &&
		(!version.MatchString(got.Engine.Version) || got.Definitions == nil || got.Definitions.Fingerprint == "") {
		t.Errorf("got engine %+v, definitions %+v, want a version and a fingerprint", got.Engine, got.Definitions)
	}
}

var version = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+`)

// ownTags gives an upload n tags: own-0=0, own-1=1 and so on.
func ownTags(n int) func(*s3.PutObjectInput) {
	var tags []string
	for i := range n {
		tags = append(tags, fmt.Sprintf("own-%d=%d", i, i))
	}
	return func(in *s3.PutObjectInput) {
		if all := strings.Join(tags, "&"); n > 0 {
			in.Tagging = &all
		}
	}
}

// outcome returns the result of an execution in the form of the samples.
func outcome(r harness.Result) sample.Outcome {
	if r.Status != types.ExecutionStatusSucceeded {
		return sample.Outcome{Error: r.Failure.Error}
	}
	if r.Job.Scan == nil {
		return sample.Outcome{}
	}
	s := r.Job.Scan
	return sample.Outcome{Verdict: s.Verdict, Signature: s.Signature, Reason: s.Reason, Engine: s.Engine.Name}
}

// checkPlace checks that the object is in the bucket of its verdict, with the default parameters of the template.
func (m *machine) checkPlace(t *testing.T, o job.Object, r harness.Result, s sample.Sample, layout string) {
	t.Helper()
	here, gone := true, ""
	switch v := s.Want.Verdict; {
	case v == job.Infected:
		here, gone = false, harness.Quarantine
	case v == job.Clean && layout == "three-bucket":
		here, gone = false, harness.Clean
	}
	content, err := m.Read(t.Context(), o)
	switch {
	case here && s.Want.Verdict == job.Clean:
		if err != nil || !bytes.Equal(content, s.Content) {
			t.Errorf("read the clean object: got %d bytes, %v, want those of the upload", len(content), err)
		}
	case here && awsclient.Status(err) != http.StatusForbidden:
		t.Errorf("read the object that is not clean: got %d, want 403", awsclient.Status(err))
	case !here && awsclient.Status(err) != http.StatusForbidden && awsclient.Status(err) != http.StatusNotFound:
		t.Errorf("read the moved object: got %d, want 403 or 404", awsclient.Status(err))
	}
	if here {
		m.checkTags(t, o, s)
		return
	}
	if r.Job.Copy == nil || r.Job.Copy.Bucket != gone {
		t.Fatalf("got copy %+v, want it in %s", r.Job.Copy, gone)
	}
	copied := job.Object{Bucket: gone, Key: r.Job.Copy.Key, VersionID: r.Job.Copy.VersionID}
	content, err = m.Read(t.Context(), copied)
	if gone == harness.Quarantine {
		if awsclient.Status(err) != http.StatusForbidden {
			t.Errorf("read the quarantined object: got %d, want 403", awsclient.Status(err))
		}
	} else if err != nil || !bytes.Equal(content, s.Content) {
		t.Errorf("read the promoted object: got %d bytes, %v, want those of the upload", len(content), err)
	}
	m.checkTags(t, copied, s)
}

// checkTags checks all tags of an object with a verdict except the time.
func (m *machine) checkTags(t *testing.T, o job.Object, s sample.Sample) {
	t.Helper()
	got := m.Tags(t, o)
	for i := range s.Tags {
		name := fmt.Sprintf("own-%d", i)
		if got[name] != fmt.Sprint(i) {
			t.Errorf("tag %s: got %q, want %d", name, got[name], i)
		}
		delete(got, name)
	}
	for name := range got {
		if !strings.HasPrefix(name, "scan-") {
			t.Errorf("got the tag %s, want own tags and scan- tags only", name)
		}
	}
	want := string(s.Want.Verdict)
	if s.Tags == 10 {
		want = "" // no room; an infected object is quarantined all the same
	}
	if got["scan-status"] != want {
		t.Errorf("got tags %v, want scan-status %q", got, want)
	}
}
