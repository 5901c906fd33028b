package machine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
)

// end is what became of an upload.
type end string

const (
	endClean       end = "clean"       // tagged where it is, or in the clean bucket
	endQuarantined end = "quarantined" // there, and not in uploads any more
	endUnscannable end = "unscannable" // tagged where it is
	endGone        end = "gone"        // no version of it anywhere
	endDead        end = "dead letter"
)

// checkEnds is what every test of a fault ends with: each upload has exactly
// one end, the one that is wanted; nothing can be read that is not clean; no
// work file is left of an upload that has a verdict, and no process that nobody
// owns. It returns how many uploads ended how; their sum is that of the uploads.
func (m *Machine) checkEnds(t testing.TB, want map[job.Object]end) map[end]int {
	t.Helper()
	letters := m.deadUploads(t)
	counts := map[end]int{}
	for o, wanted := range want {
		got := m.endOf(t, o, letters)
		if got != wanted {
			t.Errorf("%s ended as %q, want %q", o, got, wanted)
		}
		counts[got]++
		switch open := m.readable(t, o); {
		case !open && got == endClean:
			t.Errorf("%s is clean and cannot be read", o)
		case open && got != endClean && !(got == endDead && m.endOf(t, o, nil) == endClean):
			t.Errorf("%s ended as %q and can be read", o, got)
		}
		if got != endDead {
			for _, name := range m.WorkFiles() {
				if strings.HasPrefix(name, job.Job{Object: o}.ExecutionName()) {
					t.Errorf("%s ended as %q and left the work file %s", o, got, name)
				}
			}
		}
	}
	// The kernel kills an engine whose function was killed, a moment later.
	Poll(t, "the end of processes that belong to nobody", func() bool {
		return !slices.ContainsFunc(m.Processes(), func(p Process) bool { return p.parent() <= 1 })
	})
	return counts
}

// endOf finds an object in the places where it may be.
func (m *Machine) endOf(t testing.TB, o job.Object, letters []job.Object) end {
	t.Helper()
	var found []string
	if slices.ContainsFunc(letters, o.Same) {
		return endDead
	}
	if slices.Contains(m.Versions(t, o.Bucket, o.Key), o.VersionID) {
		found = append(found, "uploads "+m.Tags(t, o)["scan-status"])
	}
	if n := len(m.Versions(t, Quarantine, o.QuarantineKey())); n > 0 {
		found = append(found, fmt.Sprintf("quarantine %d", n))
	}
	if m.has(t, Clean) {
		for _, v := range m.Versions(t, Clean, o.Key) {
			copied := job.Object{Bucket: Clean, Key: o.Key, VersionID: v}
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

// has reports whether the layout has this bucket.
func (m *Machine) has(t testing.TB, bucket string) bool {
	t.Helper()
	_, err := m.S3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &bucket})
	if err != nil && Status(err) != http.StatusNotFound {
		t.Fatalf("look for bucket %s: %v", bucket, err)
	}
	return err == nil
}

// readable reports whether an ordinary user can read the bytes anywhere.
func (m *Machine) readable(t testing.TB, o job.Object) bool {
	t.Helper()
	places := []job.Object{o, {Bucket: Quarantine, Key: o.QuarantineKey()}, {Bucket: Clean, Key: o.Key}}
	for _, place := range places {
		_, err := m.Read(t.Context(), place)
		switch Status(err) {
		case http.StatusOK:
			return true
		case http.StatusForbidden, http.StatusNotFound:
		default:
			t.Errorf("read %s: %v", place, err)
		}
	}
	return false
}

// deadUploads are the objects that dead letters of any kind are about.
func (m *Machine) deadUploads(t testing.TB) []job.Object {
	t.Helper()
	var objects []job.Object
	for _, body := range m.Bodies(t, DeadQueue) {
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

// letterOf is the dead letter of an object's execution, as the state machine
// hands it over.
func (m *Machine) letterOf(t testing.TB, o job.Object) upload.DeadLetter {
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

// parent is the process id of a process's parent; that of one that has ended
// meanwhile is a big number.
func (p Process) parent() int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return 1 << 30
	}
	var state string
	var parent int
	_, _ = fmt.Sscan(string(stat[bytes.LastIndexByte(stat, ')')+1:]), &state, &parent)
	return parent
}

// clearWorkFiles removes what dead letters have left on the volume, as the sweep
// of the freshclam function does days later.
func (m *Machine) clearWorkFiles(t testing.TB) {
	t.Helper()
	for _, name := range m.WorkFiles() {
		if err := os.Remove(m.workPath(name)); err != nil {
			t.Error(err)
		}
	}
}

// workPath is where a work file is.
func (m *Machine) workPath(name string) string {
	return filepath.Join(m.Data, "volume", "lazaret", "work", name)
}

// told is what the topic's subscribers have been told about an object; see
// Machine.listen.
func (m *Machine) told(t testing.TB) map[job.Object][]announced {
	t.Helper()
	about := map[job.Object][]announced{}
	for _, body := range m.Bodies(t, "by-topic") {
		var envelope struct{ Message string }
		var a announced
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

// quarantinedBytes are those of an object in quarantine, read by the function
// that put them there.
func (m *Machine) quarantinedBytes(t testing.TB, o job.Object) []byte {
	t.Helper()
	content, err := m.As(role("Quarantine")).Read(t.Context(), job.Object{Bucket: Quarantine, Key: o.QuarantineKey()})
	if err != nil {
		t.Error(err)
	}
	return content
}
