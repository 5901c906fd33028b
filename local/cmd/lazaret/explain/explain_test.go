package explain

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// seen returns what was found about an upload without a verdict, changed by some functions.
func seen(changes ...func(*found)) *found {
	f := &found{
		explainer:  &Explainer{stack: deployment.Stack{Name: "lazaret"}, since: 24 * time.Hour},
		object:     job.Object{Bucket: "u", Key: "in/a b.txt", VersionID: "v1"},
		parameters: map[string]string{"KeyPrefix": "in/"},
		bucket:     uploads,
		version:    &Version{ID: "v1", Size: 7, Uploaded: time.Date(2026, 11, 30, 6, 0, 0, 0, time.UTC), Current: true},
		tags:       map[string]string{},
	}
	for _, change := range changes {
		change(f)
	}
	return f
}

func verdict(v job.Verdict, detail string) func(*found) {
	return func(f *found) {
		f.verdict = &Verdict{Status: v, Detail: detail, Time: "2026-11-30T06:00:01Z", Definitions: "27826"}
	}
}

func gone(f *found) { f.version = nil }

func moved(bucket string) func(*found) {
	return func(f *found) { f.version, f.copy = nil, &job.Copy{Bucket: bucket, Key: "08ba", VersionID: "c1"} }
}

// executed adds an execution with this status, whose last state is this one.
func executed(status history.Status, state, failure string) func(*found) {
	at := time.Date(2026, 11, 30, 6, 0, 1, 0, time.UTC)
	return func(f *found) {
		f.executions = append(f.executions, Execution{
			ARN: "arn:aws:states:r:1:execution:lazaret-scan:a_b_txt-08", Lane: history.Standard, Status: status, Started: &at,
			Error:  failure,
			States: []State{{Name: "Fetch"}, {Name: "Tag", After: 1.5, Error: failure, Cause: "because"}, {Name: state}},
		})
	}
}

func letter(name string) func(*found) {
	at := time.Date(2026, 12, 14, 6, 0, 0, 0, time.UTC)
	return func(f *found) {
		f.letters = []Letter{{
			MessageID: "5d1a", Error: name, Cause: "because", Expires: &at,
			Execution: "arn:aws:states:r:1:execution:lazaret-scan:a_b_txt-08",
		}}
	}
}

// TestCases decides each case, and says what to do about it.
func TestCases(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		f    *found
		want Case
		do   string // the first line of what to do
	}{
		{"another bucket", seen(func(f *found) { f.bucket = unwatched }), NotWatched, "lazaret scan "},
		{
			"another bucket, scanned", seen(func(f *found) { f.bucket = unwatched }, verdict(job.Clean, "")), Clean,
			"if somebody",
		},
		{"another key", seen(func(f *found) { f.object.Key = "out/a" }), OutsidePrefix, "lazaret scan 's3://u/out/a?"},
		{"no such key", seen(gone, func(f *found) { f.object.VersionID = "" }), NotThere, "name the version"},
		{"a version that was deleted", seen(gone), Deleted, ""},
		{
			"a delete marker", seen(gone, func(f *found) { f.marker, f.newest = true, "v0" }), DeleteMarker,
			"lazaret explain 's3://u/in/a b.txt?versionId=v0'",
		},
		{"nothing is under way", seen(), NeverStarted, "lazaret scan 's3://u/in/a b.txt?versionId=v1'"},
		{"something waits", seen(func(f *found) { f.waiting = 3 }), Waiting, "lazaret status"},
		{"running", seen(executed(history.Running, "Scan", "")), Running, "lazaret wait "},
		{
			"a dead letter", seen(executed(history.Failed, "Failed", "TagLimit"), letter("TagLimit")), DeadLetter,
			"remove the cause",
		},
		{"failed, without a letter", seen(executed(history.Failed, "Failed", "TagLimit")), Failed, "lazaret scan "},
		{"a letter of a time before a verdict", seen(verdict(job.Clean, ""), letter("Transient")), Clean, "if somebody"},
		{"unscannable", seen(verdict(job.Unscannable, "encrypted")), Unscannable, "ask for the file in another form"},
		{"infected", seen(verdict(job.Infected, "Eicar")), Infected, "lazaret dead-letters list"},
		{
			"moved to quarantine", seen(moved("q"), verdict(job.Infected, "Eicar")), Quarantined,
			"if it is a false positive: lazaret release 's3://q/08ba?versionId=c1'",
		},
		{
			"released, and still allowed", seen(moved("q"), verdict(job.Infected, "Eicar"), func(f *found) {
				f.released = &decision.Record{Object: "s3://u/in/a?versionId=v2", By: "anna", Reason: "INC-1"}
			}), Quarantined,
			"lazaret explain 's3://u/in/a?versionId=v2'",
		},
		{
			"cannot be released", seen(moved("q"), verdict(job.Unscannable, "encrypted"), func(f *found) {
				f.refused = "the verdict is UNSCANNABLE"
			}), Quarantined,
			"it cannot be released: the verdict is UNSCANNABLE",
		},
		{
			"a copy in quarantine", seen(func(f *found) { f.bucket = quarantine }), Quarantined,
			"if it is a false positive: lazaret release 's3://u/",
		},
		{
			"promoted", seen(moved(deployment.Stack{Name: "lazaret"}.Bucket("clean")), verdict(job.Clean, "")), Promoted,
			"",
		},
		{
			"a copy in the clean bucket",
			seen(verdict(job.Clean, ""), func(f *found) { f.bucket = cleanBucket }), Promoted, "",
		},
		{
			"a copy in the clean bucket that a later scan has found infected",
			seen(verdict(job.Infected, "Eicar"), func(f *found) { f.bucket = cleanBucket }), Infected,
			"lazaret dead-letters list",
		},
		{"superseded", seen(verdict(job.Clean, ""), executed(history.Succeeded, "Superseded", "")), Superseded, ""},
		{"clean", seen(verdict(job.Clean, ""), executed(history.Succeeded, "Done", "")), Clean, "if somebody"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.f.decide()
			says, do := tt.f.words(got)
			first := strings.Join(append(do, ""), "\n")
			if got != tt.want || says == "" || !strings.HasPrefix(first, tt.do) || tt.do == "" && first != "" {
				t.Errorf("got %q, %q, %q, want %q and %q", got, says, do, tt.want, tt.do)
			}
		})
	}
}

// TestAdoptMoved explains the version that was moved last, if the address names none and S3 has none.
func TestAdoptMoved(t *testing.T) {
	t.Parallel()
	about := func(version string, copied *job.Copy) Execution {
		return Execution{job: job.Job{Object: job.Object{VersionID: version}, Copy: copied}}
	}
	f := seen(gone, func(f *found) {
		f.object.VersionID = ""
		f.executions = []Execution{
			about("v3", nil), about("v2", &job.Copy{Bucket: "q"}), about("v1", &job.Copy{}), about("v2", nil),
		}
	})
	f.adoptMoved()
	if f.object.VersionID != "v2" || len(f.executions) != 2 {
		t.Errorf("got the version %q and %d executions, want v2 and its two", f.object.VersionID, len(f.executions))
	}
	named := seen(gone)
	if named.adoptMoved(); named.object.VersionID != "v1" {
		t.Errorf("got the version %q, want the one that the address names", named.object.VersionID)
	}
}

// TestPrint compares some pages.
func TestPrint(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*found{
		"unscannable": seen(verdict(job.Unscannable, "encrypted"), executed(history.Succeeded, "Done", "")),
		"dead-letter": seen(executed(history.Failed, "Failed", "TagLimit"), letter("TagLimit"), func(f *found) {
			f.unknown("rescans of the object: %s", "not permitted")
		}),
		"quarantined":   seen(moved("q"), verdict(job.Infected, "Eicar")),
		"never-started": seen(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := f.page()
			p.Reading = &Reading{Says: "A GET is refused."}
			var b bytes.Buffer
			if err := Print(&b, p); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".golden.txt")
			if *updateGolden {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("page (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReasons has words for every reason of UNSCANNABLE.
func TestReasons(t *testing.T) {
	t.Parallel()
	for _, r := range job.Reasons {
		if !strings.Contains(reasons[r], "("+string(r)+")") {
			t.Errorf("the reason %s has the words %q, want some with its name", r, reasons[r])
		}
	}
}

// inAWS is a stack in account 1.
func inAWS(t *testing.T) deployment.Stack {
	t.Helper()
	stack, err := deployment.Find(t.Context(), fakeQueues{}, "lazaret")
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

// fakeQueues are the queues of a stack.
type fakeQueues struct{}

func (fakeQueues) GetQueueUrl(
	_ context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueUrlOutput, error) {
	return &sqs.GetQueueUrlOutput{QueueUrl: in.QueueName}, nil
}

func (fakeQueues) GetQueueAttributes(
	context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	arn := map[string]string{"QueueArn": "arn:aws:sqs:eu-central-1:111122223333:lazaret-uploads"}
	return &sqs.GetQueueAttributesOutput{Attributes: arn}, nil
}

// TestEvaluate evaluates Lazaret's statements alone, whatever else a policy has.
func TestEvaluate(t *testing.T) {
	t.Parallel()
	const (
		head  = `{"Version":"2012-10-17","Statement":[{"Sid":"Theirs","Effect":"Deny","NotAction":"s3:*"}`
		clean = `{"Sid":"NoReadUnlessClean","Effect":"Deny","Principal":"*","Action":["s3:GetObject"],
			"Resource":"arn:aws:s3:::b/*",			"Condition":{"StringNotEquals":{"s3:ExistingObjectTag/scan-status":"CLEAN"},
			"ArnNotEquals":{"aws:PrincipalArn":["arn:aws:iam::1:role/fetch","arn:aws:iam::1:role/team/reader"]}}}`
		infected = `{"Sid":"NoReadOfInfected","Effect":"Deny","Principal":"*","Action":"s3:GetObject",
			"Resource":"arn:aws:s3:::b/*",
			"Condition":{"StringEquals":{"s3:ExistingObjectTag/scan-status":"INFECTED"}}}`
		quarantined = `{"Sid":"OnlyTheNamedRoleReads","Effect":"Deny","Principal":"*","Action":"s3:GetObject",
			"Resource":"arn:aws:s3:::b/*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::1:role/reader"}}}`
		edited = `{"Sid":"NoReadUnlessClean","Effect":"Deny","Principal":"*","Action":"s3:GetObject",
			"Resource":"arn:aws:s3:::b/*",
			"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}`
	)
	for name, tt := range map[string]struct {
		statements, status string
		statement          string // that refuses
		exempt             int
		says               string
	}{
		"no verdict":             {clean, "", "NoReadUnlessClean", 2, "yet; it does not refuse fetch, reader."},
		"UNSCANNABLE":            {clean, "UNSCANNABLE", "NoReadUnlessClean", 2, "its tag scan-status is UNSCANNABLE"},
		"CLEAN":                  {clean, "CLEAN", "", 0, "does not refuse"},
		"the other gate":         {infected, "UNSCANNABLE", "", 0, "does not refuse"},
		"infected":               {infected, "INFECTED", "NoReadOfInfected", 0, "its tag scan-status is INFECTED"},
		"quarantine":             {quarantined, "INFECTED", "OnlyTheNamedRoleReads", 1, "it does not refuse reader."},
		"no gate":                {`{"Sid":"TlsOnly"}`, "", "", 0, "there is no read gate"},
		"a gate of somebody":     {edited, "", "", 0, "is not as Lazaret writes it"},
		"a gate behind another":  {infected + "," + clean, "", "NoReadUnlessClean", 2, ""},
		"a policy without a Sid": {`{"Effect":"Deny"}`, "", "", 0, "there is no read gate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tags := map[string]string{"own": "1"}
			if tt.status != "" {
				tags["scan-status"] = tt.status
			}
			r := &Reading{Bucket: "b"}
			r.evaluate(head+","+tt.statements+"]}", inAWS(t), job.Object{Bucket: "b", Key: "k/1"}, tags)
			if r.Statement != tt.statement || r.Refused != (tt.statement != "") || len(r.Exempt) != tt.exempt ||
				!strings.Contains(r.Says, tt.says) {
				t.Errorf("got %+v, want the statement %q, %d exempt and %q", r, tt.statement, tt.exempt, tt.says)
			}
		})
	}
}
