package guardduty

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
)

var update = flag.Bool("update", false, "write the golden files")

func upload(scan *job.Scan, copied *job.Copy) job.Job {
	if scan != nil {
		scan.Engine, scan.SHA256 = job.Engine{Name: "clamd", Version: "1.4.6"}, "275a021b"
		scan.Time = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	}
	return job.Job{
		Version: job.Version, Attempt: 1, Scan: scan, Copy: copied,
		Object: job.Object{Bucket: "lazaret-uploads", Key: "in/año.zip", VersionID: "v1", ETag: "44d8", Size: 68},
	}
}

// TestDetail holds the events to their golden files, which local/tests/consumers reads too.
func TestDetail(t *testing.T) {
	t.Parallel()
	infected := func() *job.Scan { return &job.Scan{Verdict: job.Infected, Signature: "Eicar-Test-Signature"} }
	unscannable := func(r job.Reason) *job.Scan { return &job.Scan{Verdict: job.Unscannable, Reason: r} }
	quarantined := &job.Copy{Bucket: "lazaret-quarantine", Key: "0a1b", VersionID: "v2"}
	unversioned := upload(&job.Scan{Verdict: job.Clean}, nil)
	unversioned.Object.VersionID = ""
	verdict := func(j job.Job) Detail {
		d, err := FromVerdict(j)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	refused := DeadLetter{
		Error: "AccessDenied", Execution: "arn:aws:states:us-east-1:000000000000:execution:lazaret-scan:a",
		Cause: `{"errorMessage":"get object: forbidden","errorType":"AccessDenied"}`,
	}
	full := DeadLetter{Error: "TagLimit", Cause: "ten tags"}
	for name, d := range map[string]Detail{
		"clean":                  verdict(upload(&job.Scan{Verdict: job.Clean}, nil)),
		"clean-without-versions": verdict(unversioned),
		"infected":               verdict(upload(infected(), quarantined)),
		"encrypted":              verdict(upload(unscannable(job.Encrypted), nil)),
		"too-large":              verdict(upload(unscannable(job.TooLarge), nil)),
		"refused":                FromDeadLetter(upload(nil, nil), refused),
		"failed":                 FromDeadLetter(upload(nil, nil), DeadLetter{Error: "TIMED_OUT"}),
		"clean-not-tagged":       FromDeadLetter(upload(&job.Scan{Verdict: job.Clean}, nil), full),
		"infected-not-moved":     FromDeadLetter(upload(infected(), nil), refused),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := d.JSON()
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, []byte(text), "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			path := filepath.Join("testdata", name+".golden.json")
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("rules depend on this format (-golden +got):\n%s", diff)
			}
		})
	}
}

// TestNothingIsCleanByDefault: only a valid CLEAN has no threats.
func TestNothingIsCleanByDefault(t *testing.T) {
	t.Parallel()
	for _, scan := range []*job.Scan{
		nil, {}, {Verdict: "clean"}, {Verdict: job.Clean, Signature: "X"}, {Verdict: job.Infected}, {Verdict: job.Unscannable},
	} {
		if got := StatusOf(scan); got != Failed {
			t.Errorf("StatusOf(%+v) = %s, want %s", scan, got, Failed)
		}
		if _, err := FromVerdict(job.Job{Scan: scan}); !errors.Is(err, job.ErrBadJob) {
			t.Errorf("FromVerdict(%+v) = %v, want a job.ErrBadJob", scan, err)
		}
		if got := FromDeadLetter(job.Job{Scan: scan}, DeadLetter{}).Result.Status; got != Failed {
			t.Errorf("FromDeadLetter(%+v) says %s, want %s", scan, got, Failed)
		}
	}
}

type fakeBus func(*eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error)

func (f fakeBus) PutEvents(
	_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options),
) (*eventbridge.PutEventsOutput, error) {
	return f(in)
}

func TestPut(t *testing.T) {
	t.Parallel()
	var code *string
	bus := fakeBus(func(in *eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error) {
		e := in.Entries[0]
		if *e.Source != "lazaret" || *e.DetailType != DetailType || *e.EventBusName != "default" ||
			e.Resources[0] != "arn:aws:s3:::lazaret-uploads" {
			t.Errorf("put %+v, want our source, GuardDuty's type, the bus and the bucket", e)
		}
		return &eventbridge.PutEventsOutput{Entries: []types.PutEventsResultEntry{{ErrorCode: code}}}, nil
	})
	d := FromDeadLetter(upload(nil, nil), DeadLetter{Error: "x"})
	if err := Put(t.Context(), bus, "default", d); err != nil {
		t.Errorf("Put = %v, want no error", err)
	}
	code = aws.String("ThrottlingException")
	if err := Put(t.Context(), bus, "default", d); !errors.Is(err, job.ErrTransient) {
		t.Errorf("Put of a throttled entry = %v, want a job.ErrTransient", err)
	}
}
