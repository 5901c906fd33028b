package endtoend

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestRoomForTags checks that a verdict uses the tags that the object's own tags leave, without its least important
// parts, and that no own tag is lost.
func TestRoomForTags(t *testing.T) {
	eachLayout(t, func(t *testing.T, m *machine, layout string) {
		clean, infected := sample.Text("tagged"), eicar.Bytes()
		tests := []struct {
			own     int
			content []byte
			want    []string // verdict tags
		}{
			{6, clean, []string{"scan-definitions", "scan-status", "scan-time"}},
			{7, clean, []string{"scan-definitions", "scan-status", "scan-time"}},
			{8, clean, []string{"scan-status", "scan-time"}},
			{9, clean, []string{"scan-status"}},
			{6, infected, []string{"scan-definitions", "scan-detail", "scan-status", "scan-time"}},
			{7, infected, []string{"scan-detail", "scan-status", "scan-time"}},
			{9, infected, []string{"scan-status"}},
			{10, infected, nil},
		}
		for _, test := range tests {
			t.Run(fmt.Sprintf("%d own tags, %d bytes", test.own, len(test.content)), func(t *testing.T) {
				t.Parallel()
				own := map[string]string{"Owner name": "anna + bo=b", "path": "a/b:c@d"}
				for i := len(own); i < test.own; i++ {
					own[fmt.Sprintf("tag %d", i)] = "" // S3 takes empty values
				}
				query := url.Values{}
				for k, v := range own {
					query.Set(k, v)
				}
				o := m.Put(t, "room for "+t.Name(), test.content, harness.WithTags(query.Encode()))
				r := m.Await(t, o)
				where := o
				if r.Job.Copy != nil {
					where = job.Object{Bucket: r.Job.Copy.Bucket, Key: r.Job.Copy.Key, VersionID: r.Job.Copy.VersionID}
				} else if layout == "three-bucket" || len(test.content) == eicar.Size {
					t.Fatalf("got no copy, %+v, want one", r.Failure)
				}
				got := m.Tags(t, where)
				var verdict []string
				for _, k := range slices.Sorted(maps.Keys(got)) {
					if _, isOwn := own[k]; !isOwn {
						verdict = append(verdict, k)
						delete(got, k)
					}
				}
				if diff := cmp.Diff(test.want, verdict); diff != "" {
					t.Errorf("verdict tags (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(own, got); diff != "" {
					t.Errorf("own tags (-want +got):\n%s", diff)
				}
			})
		}
	})
}

// TestTagLimit checks that without a free tag the job is a dead letter that names the limit. The object is unchanged
// and cannot be read.
func TestTagLimit(t *testing.T) {
	eachLayout(t, func(t *testing.T, m *machine, _ string) {
		for name, content := range map[string][]byte{"clean": sample.Text("ten"), "unscannable": encryptedZip(t)} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				o := m.Put(t, "tag limit/"+name, content, ownTags(10))
				r := m.Await(t, o)
				if r.Status != "FAILED" || r.Failure.Error != "TagLimit" {
					t.Fatalf("got status %s, %+v, want FAILED with TagLimit", r.Status, r.Failure)
				}
				found := false
				for _, letter := range m.DeadLetters(t) {
					if letter.Execution != r.ARN {
						continue
					}
					found = true
					if letter.Error != "TagLimit" || letter.Cause == "" || letter.Job.Object.Key != o.Key ||
						letter.Job.Scan == nil {
						t.Errorf("got dead letter %+v, want TagLimit with a cause, the object and its scan", letter)
					}
				}
				if !found {
					t.Error("got no dead letter, want one")
				}
				if tags := m.Tags(t, o); len(tags) != 10 || tags["own-9"] != "9" {
					t.Errorf("got tags %v, want the ten of the upload", tags)
				}
				if _, err := m.Read(t.Context(), o); awsclient.Status(err) != http.StatusForbidden {
					t.Errorf("read it: got %d, want 403", awsclient.Status(err))
				}
			})
		}
	})
}

// encryptedZip returns a file that no engine can unpack.
func encryptedZip(t *testing.T) []byte {
	t.Helper()
	for _, s := range sample.All() {
		if s.Want.Reason == job.Encrypted {
			return s.Content
		}
	}
	t.Fatal("got no encrypted sample, want one")
	return nil
}

// TestForeignVerdictTags uploads an object with tags that have names of a verdict's tags. Only scan-status is
// refused; the others are replaced or removed.
func TestForeignVerdictTags(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	o := m.Put(
		t,
		"foreign verdict tags",
		sample.Text("mine"),
		harness.WithTags("scan-detail=trust+me&scan-time=now&scan-definitions=99&own=1"),
	)
	if r := m.Await(t, o); outcome(r).Verdict != job.Clean {
		t.Fatalf("got %+v, want CLEAN", r)
	}
	got := m.Tags(t, o)
	if at, err := time.Parse(time.RFC3339, got["scan-time"]); err != nil || time.Since(at).Abs() > time.Hour {
		t.Errorf("got scan-time %q, want the time of the scan", got["scan-time"])
	}
	delete(got, "scan-time")
	diff := cmp.Diff(map[string]string{"scan-status": "CLEAN", "scan-definitions": "0", "own": "1"}, got)
	if diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}
