package endtoend

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// end is where an upload ended.
type end string

const (
	endClean       end = "clean"       // tagged where it is, or in the clean bucket
	endQuarantined end = "quarantined" // there, and not in uploads any more
	endUnscannable end = "unscannable" // tagged where it is
	endGone        end = "gone"        // no version of it anywhere
	endDeadLetter  end = "dead letter"
)

// checkEnds checks after a fault that each upload has exactly one end, the wanted one; that nothing can be read that
// is not clean; and that no work file of an upload with a verdict and no process without a parent is left. It returns
// how many uploads had which end.
func (m *machine) checkEnds(t testing.TB, want map[job.Object]end) map[end]int {
	t.Helper()
	letters := m.deadLetterObjects(t)
	counts := map[end]int{}
	for o, wanted := range want {
		got := m.endOf(t, o, letters)
		if got != wanted {
			t.Errorf("%s ended as %q, want %q", o, got, wanted)
		}
		counts[got]++
		switch open := m.readable(t, o); {
		case !open && got == endClean:
			t.Errorf("%s: got a clean object that cannot be read, want that it can", o)
		case open && got != endClean && !(got == endDeadLetter && m.endOf(t, o, nil) == endClean):
			t.Errorf("%s ended as %q and can be read, want that it cannot", o, got)
		}
		if got != endDeadLetter {
			for _, name := range m.WorkFiles() {
				if strings.HasPrefix(name, job.Job{Object: o}.ExecutionName()) {
					t.Errorf("%s ended as %q: got the work file %s, want none", o, got, name)
				}
			}
		}
	}
	// The kernel kills an engine whose function was killed, a moment later.
	harness.Poll(t, "the end of processes that belong to nobody", func() bool {
		return !slices.ContainsFunc(m.Processes(), func(p harness.Process) bool { return p.Parent() <= 1 })
	})
	return counts
}

// endOf looks for an object in all places where it may be.
func (m *machine) endOf(t testing.TB, o job.Object, letters []job.Object) end {
	t.Helper()
	var found []string
	if slices.ContainsFunc(letters, o.Same) {
		return endDeadLetter
	}
	if slices.Contains(m.Versions(t, o.Bucket, o.Key), o.VersionID) {
		found = append(found, "uploads "+m.Tags(t, o)["scan-status"])
	}
	if n := len(m.Versions(t, harness.Quarantine, o.QuarantineKey())); n > 0 {
		found = append(found, fmt.Sprintf("quarantine %d", n))
	}
	if m.has(t, harness.Clean) {
		for _, v := range m.Versions(t, harness.Clean, o.Key) {
			copied := job.Object{Bucket: harness.Clean, Key: o.Key, VersionID: v}
			found = append(found, "clean "+m.Tags(t, copied)["scan-status"])
		}
	}
	switch all := strings.Join(found, ", "); all {
	case "":
		return endGone
	case "quarantine 1":
		return endQuarantined
	case "uploads CLEAN", "clean CLEAN":
		return endClean
	case "uploads UNSCANNABLE":
		return endUnscannable
	default:
		return end(all) // none that anybody wants
	}
}

// has reports whether the bucket exists with this layout.
func (m *machine) has(t testing.TB, bucket string) bool {
	t.Helper()
	_, err := m.S3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &bucket})
	if err != nil && awsclient.Status(err) != http.StatusNotFound {
		t.Fatalf("look for bucket %s: %v", bucket, err)
	}
	return err == nil
}

// readable reports whether an ordinary user can read the object in any of the buckets.
func (m *machine) readable(t testing.TB, o job.Object) bool {
	t.Helper()
	places := []job.Object{o, {Bucket: harness.Quarantine, Key: o.QuarantineKey()}, {Bucket: harness.Clean, Key: o.Key}}
	for _, place := range places {
		_, err := m.Read(t.Context(), place)
		switch awsclient.Status(err) {
		case http.StatusOK:
			return true
		case http.StatusForbidden, http.StatusNotFound:
		default:
			t.Errorf("read %s: %v", place, err)
		}
	}
	return false
}

// deadLetterObjects returns the objects of all dead letters.
func (m *machine) deadLetterObjects(t testing.TB) []job.Object {
	t.Helper()
	var objects []job.Object
	for _, body := range m.Bodies(t, harness.DeadLetterQueue) {
		letter, err := upload.Decode([]byte(body))
		if err != nil {
			continue // one that names no object
		}
		for _, j := range letter.Jobs {
			objects = append(objects, j.Object)
		}
	}
	return objects
}

// letterOf returns the dead letter that the state machine has sent about an object.
func (m *machine) letterOf(t testing.TB, o job.Object) upload.DeadLetter {
	t.Helper()
	var found []upload.DeadLetter
	for _, letter := range m.DeadLetters(t) {
		if letter.Job.Object.Same(o) {
			found = append(found, letter)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d dead letters of %s, want one", len(found), o)
	}
	return found[0]
}

// announcements returns the announcements in the first queue of subscribe, by object.
func (m *machine) announcements(t testing.TB) map[job.Object][]announcement {
	t.Helper()
	about := map[job.Object][]announcement{}
	for _, body := range m.Bodies(t, "by-topic") {
		var envelope struct{ Message string }
		var a announcement
		if err := json.Unmarshal([]byte(body), &envelope); err != nil {
			t.Fatalf("read %s: %v", body, err)
		}
		if err := json.Unmarshal([]byte(envelope.Message), &a); err != nil {
			t.Fatalf("read %s: %v", envelope.Message, err)
		}
		a.Object.Sequencer = "" // which an uploader does not know
		about[a.Object] = append(about[a.Object], a)
	}
	return about
}

// quarantinedBytes reads an object in quarantine as the function that has put it there.
func (m *machine) quarantinedBytes(t testing.TB, o job.Object) []byte {
	t.Helper()
	content, err := m.As(role("Quarantine")).Read(
		t.Context(),
		job.Object{Bucket: harness.Quarantine, Key: o.QuarantineKey()},
	)
	if err != nil {
		t.Error(err)
	}
	return content
}
