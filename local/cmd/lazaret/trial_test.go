package main

import (
	"flag"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/mirror"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// These are flags so that a person can try it with 2,000 files and 8 engines, which takes minutes.
var (
	trialFiles   = flag.Int("trial-files", 200, "how many harmless files the bad signature of TestSignatureOnTrial hits")
	trialEngines = flag.Int("trial-engines", 4, "how many engines scan them (MaxConcurrentScans)")
)

const (
	trialLimit = 10 // NewSignatureLimit
	outbreak   = 60 // copies of one infected file that a new signature finds
	knownHits  = 10 // files that a known signature finds
)

// uploadAll uploads files at the same time, and returns them in their order.
func uploadAll(t *testing.T, m *harness.Machine, n int, name string, content func(int) []byte) []job.Object {
	t.Helper()
	objects := make([]job.Object, n)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; i < n; i += 8 {
				objects[i] = m.Put(t, fmt.Sprintf("%s/%d", name, i), content(i))
			}
		})
	}
	wg.Wait()
	return objects
}

// TestSignatureOnTrial plants a false positive: an update brings a signature that finds something in many
// harmless files, while others find real infections. It goes the whole way, from a mirror to the redrive
// after the rollback, with both workflows.
func TestSignatureOnTrial(t *testing.T) {
	for _, workflow := range []string{"STANDARD", "EXPRESS"} {
		t.Run(workflow, func(t *testing.T) {
			t.Parallel()
			testSignatureOnTrial(t, workflow)
		})
	}
}

func testSignatureOnTrial(t *testing.T, workflow string) {
	m, server := mirrored(t, "--parameter-overrides", "Workflow="+workflow,
		fmt.Sprint("NewSignatureLimit=", trialLimit), fmt.Sprint("MaxConcurrentScans=", *trialEngines))
	server.Offer(mirror.Set(2, time.Now().Add(-time.Minute), "firstword", "lazaretharmless", "lazaretoutbreak")...)
	expect(t, m, 0, []string{": updated"}, "definitions", "update")

	var harmless, spread, infected []job.Object
	var wg sync.WaitGroup
	wg.Go(func() {
		harmless = uploadAll(t, m, *trialFiles, "harmless", func(i int) []byte {
			return fmt.Appendf(nil, "letter %d, with lazaretharmless in it", i)
		})
	})
	wg.Go(func() {
		spread = uploadAll(t, m, outbreak, "outbreak", func(int) []byte { return []byte("lazaretoutbreak, always the same") })
	})
	wg.Go(func() {
		infected = uploadAll(t, m, knownHits, "infected", func(i int) []byte {
			return fmt.Appendf(nil, "%s%d", eicar.Bytes(), i)
		})
	})
	wg.Wait()

	for _, o := range append(spread, infected...) {
		if r := m.Await(t, o); r.Status != "SUCCEEDED" || r.Job.Copy == nil {
			t.Errorf("%s ended with %s, %+v, want it moved", o, r.Status, r.Failure)
		}
	}
	var held []job.Object
	for _, o := range harmless {
		r := m.Await(t, o)
		switch {
		case r.Job.Scan == nil || r.Job.Scan.Signature != "Word-lazaretharmless" || r.Job.Scan.FirstSeen.IsZero():
			t.Errorf("%s: scan %+v, want the new signature, and since when it is there", o, r.Job.Scan)
		case r.Failure.Error == job.Name(job.ErrSignatureOnTrial):
			held = append(held, o)
			if !strings.Contains(r.Failure.Cause, "Word-lazaretharmless") {
				t.Errorf("%s: cause %q, want it to name the signature", o, r.Failure.Cause)
			}
		case r.Status != "SUCCEEDED" || r.Job.Copy == nil:
			t.Errorf("%s ended with %s, %+v, want it moved or held", o, r.Status, r.Failure)
		}
	}
	moved := len(harmless) - len(held)
	t.Logf("%d of %d files moved because of the bad signature", moved, len(harmless))
	if moved > trialLimit+*trialEngines {
		t.Errorf("%d files moved, want at most the limit of %d and %d engines", moved, trialLimit, *trialEngines)
	}
	for _, o := range held {
		if _, err := m.Read(t.Context(), o); awsclient.Status(err) != http.StatusForbidden {
			t.Errorf("read %s, which waits: %v, want 403", o, err)
		}
	}
	expect(t, m, 0, []string{
		fmt.Sprint(len(held), " dead letters"), "SignatureOnTrial",
	}, "redrive")
	expect(t, m, 0, []string{
		"signature Word-lazaretharmless, new since", "is on trial since", "lazaret definitions confirm 'Word-lazaretharmless'",
	}, "definitions")

	expect(t, m, 0, []string{"current, pinned"}, "definitions", "rollback")
	expect(t, m, 0, []string{fmt.Sprint(len(held), " dead letters redriven")}, "redrive", "--match", "SignatureOnTrial")
	expect(t, m, 0, []string{fmt.Sprint(moved, " copies released")},
		"release", "--signature", "Word-lazaretharmless", "--reason", "withdrawn", "--yes")
	for _, o := range held {
		r := m.AwaitJob(t, job.Job{Object: o, Attempt: 1})
		if r.Status != "SUCCEEDED" || r.Job.Scan.Verdict != job.Clean {
			t.Errorf("%s after the rollback: %s, %s, want CLEAN", o, r.Status, r.Job.Scan.Outcome())
		}
	}
	for _, o := range harmless {
		o.VersionID = "" // an object that was released is a new version
		if _, err := m.Read(t.Context(), o); err != nil {
			t.Errorf("after the rollback and the release: %v, want it readable", err)
		}
	}
}

// TestConfirm lets an operator confirm a new signature, and checks that the objects which wait are moved
// then, that the breaker holds nothing where the read gate is off, and that nobody else writes counts.
func TestConfirm(t *testing.T) {
	t.Parallel()
	for _, gate := range []string{"not-infected", "off"} {
		t.Run(gate, func(t *testing.T) {
			t.Parallel()
			m, server := mirrored(t, "--parameter-overrides", "ReadGate="+gate, "NewSignatureLimit=1", "MaxConcurrentScans=1")
			server.Offer(mirror.Set(2, time.Now().Add(-time.Minute), "firstword", "lazaretvariant")...)
			expect(t, m, 0, []string{": updated"}, "definitions", "update")
			objects := uploadAll(t, m, 3, "variant", func(i int) []byte { return fmt.Appendf(nil, "lazaretvariant %d", i) })
			var held []job.Object
			for _, o := range objects {
				if r := m.Await(t, o); r.Failure.Error == job.Name(job.ErrSignatureOnTrial) {
					held = append(held, o)
				} else if r.Status != "SUCCEEDED" || r.Job.Copy == nil {
					t.Errorf("%s ended with %s, %+v, want it moved or held", o, r.Status, r.Failure)
				}
			}
			want := 2
			if gate == "off" {
				want = 0
			}
			if len(held) != want {
				t.Fatalf("%d objects held, want %d", len(held), want)
			}
			key := "trials/Word-lazaretvariant/forged"
			_, err := m.S3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(harness.Records), Key: &key})
			if awsclient.Status(err) != http.StatusForbidden {
				t.Errorf("write a count: %v, want 403", err)
			}
			expect(t, m, 1, []string{"no object waits because of this signature"}, "definitions", "confirm", "Word-variant")
			expect(t, m, 0, []string{"is confirmed"}, "definitions", "confirm", "Word-lazaretvariant")
			if want == 0 {
				return
			}
			expect(t, m, 0, []string{"2 dead letters redriven"}, "redrive", "--match", "Word-lazaretvariant")
			for _, o := range held {
				if r := m.AwaitJob(t, job.Job{Object: o, Attempt: 1}); r.Status != "SUCCEEDED" || r.Job.Copy == nil {
					t.Errorf("%s after confirm: %s, %+v, want it moved", o, r.Status, r.Failure)
				}
			}
		})
	}
}
