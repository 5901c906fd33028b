package endtoend

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/signatures"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// publishNew publishes definitions twice, the second time with a new signature of that name and text.
func (m *machine) publishNew(t *testing.T, name, text string) {
	t.Helper()
	stage := t.TempDir()
	store := definitions.Open(filepath.Join(m.Data, "volume", "lazaret", "definitions"))
	if err := definitions.WriteTest(stage); err != nil {
		t.Fatal(err)
	}
	before, err := store.Publish(t.Context(), stage)
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("%s:0:*:%x\n", name, text)
	if err := os.WriteFile(filepath.Join(stage, "new.ndb"), []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
	list, err := signatures.Compare(t.Context(), before.Dir, stage, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := list.Write(stage); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Publish(t.Context(), stage); err != nil {
		t.Fatal(err)
	}
}

// TestTrialFaults has S3 fail while the files that a new signature hits are counted. A short fault changes
// nothing; when it lasts, all retries fail, and the objects are moved without a count. A refusal is not
// retried.
func TestTrialFaults(t *testing.T) {
	eachLane(t, func(t *testing.T, workflow string) {
		p := startWithProxy(t, "--definitions", "none", "--time-scale", "100",
			"--parameter-overrides", "NewSignatureLimit=1", "MaxConcurrentScans=1", workflow)
		p.publishNew(t, "Brand.New", "lazaretnew")
		put := func(n int) job.Object { return p.Put(t, fmt.Sprint("new/", n), fmt.Appendf(nil, "lazaretnew %d", n)) }
		moved := func(o job.Object, attempts int) {
			t.Helper()
			r := p.Await(t, o)
			if r.Status != "SUCCEEDED" || r.Job.Copy == nil || r.Job.Scan.FirstSeen.IsZero() {
				t.Errorf("%s ended with %s, %+v, scan %+v, want it moved because of a new signature",
					o, r.Status, r.Failure, r.Job.Scan)
			}
			if got := occurrences(p.retried(t, r), "Quarantine"); got != attempts {
				t.Errorf("%s: Quarantine was tried again %d times, want %d", o, got, attempts)
			}
		}
		held := func(o job.Object) {
			t.Helper()
			if r := p.Await(t, o); r.Failure.Error != job.Name(job.ErrSignatureOnTrial) {
				t.Errorf("%s ended with %s, %+v, want SignatureOnTrial", o, r.Status, r.Failure)
			}
		}
		moved(put(1), 0)
		held(put(2))

		// Lists and policies are GETs too, of the bucket instead of an object in it.
		slowDown := answerError(http.StatusServiceUnavailable, "SlowDown")
		p.addFault("quarantine GetObject", harness.Records, firstCalls(4, slowDown)) // the SDK sends each three times
		held(put(3))
		p.removeFaults()
		p.addFault("quarantine GetObject", harness.Records, slowDown)
		moved(put(4), 5)
		p.removeFaults()
		p.addFault("quarantine GetObject", harness.Records, answerError(http.StatusForbidden, "AccessDenied"))
		moved(put(5), 0)
		p.removeFaults()
		p.addFault("quarantine GetObject", harness.Uploads, answerError(http.StatusForbidden, "AccessDenied"))
		moved(put(6), 0)
		p.removeFaults()
		held(put(7))
	})
}
