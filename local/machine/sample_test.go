package machine

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
	"github.com/lazaret/lazaret/local/sample"
)

// Every sample gets its verdict, its tags and its place, keeps its own tags,
// and can be read where it is clean and nowhere else.
func TestSamples(t *testing.T) {
	eachLayout(t, func(t *testing.T, m *Machine, layout string) {
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

// checkEvidence looks at what the verdict says that it rests on.
func checkEvidence(t *testing.T, r Result, s sample.Sample) {
	t.Helper()
	got := r.Job.Scan
	if got == nil {
		t.Fatalf("no scan in %+v", r.Job)
	}
	hash := sha256.Sum256(s.Content)
	if got.Size != int64(len(s.Content)) || got.SHA256 != hex.EncodeToString(hash[:]) || got.Time.IsZero() {
		t.Errorf("the verdict is about %d bytes, %s, at %s", got.Size, got.SHA256, got.Time)
	}
	if s.Want.Engine == "clamd" && (!version.MatchString(got.Engine.Version) || got.Definitions == nil || got.Definitions.Fingerprint == "") {
		t.Errorf("engine %+v, definitions %+v", got.Engine, got.Definitions)
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

// outcome is what became of an execution, as samples say it.
func outcome(r Result) sample.Outcome {
	if r.Status != types.ExecutionStatusSucceeded {
		return sample.Outcome{Error: r.Dead.Error}
	}
	if r.Job.Scan == nil {
		return sample.Outcome{}
	}
	s := r.Job.Scan
	return sample.Outcome{Verdict: s.Verdict, Signature: s.Signature, Reason: s.Reason, Engine: s.Engine.Name}
}

// checkPlace looks for the object where it must be now, under the policies of
// the template's defaults.
func (m *Machine) checkPlace(t *testing.T, o job.Object, r Result, s sample.Sample, layout string) {
	t.Helper()
	here, gone := true, ""
	switch v := s.Want.Verdict; {
	case v == job.Infected:
		here, gone = false, Quarantine
	case v == job.Clean && layout == "three-bucket":
		here, gone = false, Clean
	}
	content, err := m.Read(t.Context(), o)
	switch {
	case here && s.Want.Verdict == job.Clean:
		if err != nil || !bytes.Equal(content, s.Content) {
			t.Errorf("clean object: %v, %d bytes", err, len(content))
		}
	case here && Status(err) != http.StatusForbidden:
		t.Errorf("object that is not clean: answer %d", Status(err))
	case !here && Status(err) != http.StatusForbidden && Status(err) != http.StatusNotFound:
		t.Errorf("object that was moved: answer %d", Status(err))
	}
	if here {
		m.checkTags(t, o, s)
		return
	}
	if r.Job.Copy == nil || r.Job.Copy.Bucket != gone {
		t.Fatalf("copy is %+v, want it in %s", r.Job.Copy, gone)
	}
	copied := job.Object{Bucket: gone, Key: r.Job.Copy.Key, VersionID: r.Job.Copy.VersionID}
	content, err = m.Read(t.Context(), copied)
	if gone == Quarantine {
		if Status(err) != http.StatusForbidden {
			t.Errorf("quarantined object: answer %d", Status(err))
		}
	} else if err != nil || !bytes.Equal(content, s.Content) {
		t.Errorf("promoted object: %v, %d bytes", err, len(content))
	}
	m.checkTags(t, copied, s)
}

// checkTags compares all tags that a verdict leaves on an object but the time.
func (m *Machine) checkTags(t *testing.T, o job.Object, s sample.Sample) {
	t.Helper()
	got := m.Tags(t, o)
	for i := range s.Tags {
		name := fmt.Sprintf("own-%d", i)
		if got[name] != fmt.Sprint(i) {
			t.Errorf("tag %s is %q", name, got[name])
		}
		delete(got, name)
	}
	for name := range got {
		if !strings.HasPrefix(name, "scan-") {
			t.Errorf("tag %s came from nowhere", name)
		}
	}
	want := string(s.Want.Verdict)
	if s.Tags == 10 {
		want = "" // no room; an infected object is quarantined all the same
	}
	if got["scan-status"] != want {
		t.Errorf("tags are %v, want the status %q", got, want)
	}
}
