package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	buses "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/canary"
	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
)

var update = flag.Bool("update", false, "write the golden files")

type fakeTopic func(*sns.PublishInput) error

func (f fakeTopic) Publish(
	_ context.Context,
	in *sns.PublishInput,
	_ ...func(*sns.Options),
) (*sns.PublishOutput, error) {
	return &sns.PublishOutput{}, f(in)
}

type fakeBus func(*eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error)

func (f fakeBus) PutEvents(
	_ context.Context,
	in *eventbridge.PutEventsInput,
	_ ...func(*eventbridge.Options),
) (*eventbridge.PutEventsOutput, error) {
	return f(in)
}

func verdict(s job.Scan, c *job.Copy) job.Job {
	s.Time, s.Size, s.Engine = time.Date(
		2026,
		11,
		22,
		9,
		0,
		0,
		0,
		time.UTC,
	), 68, job.Engine{
		Name:    "clamd",
		Version: "1.4.6",
	}
	return job.Job{
		Version: 1, Scan: &s, Copy: c, Policy: job.Policy{AnnounceClean: true},
		Object: job.Object{Bucket: "lazaret-uploads", Key: "in/año.zip", VersionID: "v1", Size: 68},
		Work:   &job.Work{File: "never-announced"},
	}
}

func TestAnnouncements(t *testing.T) {
	t.Parallel()
	infected := job.Scan{Verdict: job.Infected, Signature: "Eicar-Test-Signature"}
	unscannable := job.Scan{Verdict: job.Unscannable, Reason: job.Encrypted, Detail: "Heuristics.Encrypted.Zip"}
	tests := []struct {
		golden     string
		job        job.Job
		attributes map[string]string
	}{
		{
			"infected-quarantined", verdict(infected, &job.Copy{Bucket: "lazaret-quarantine", Key: "0a1b"}),
			map[string]string{
				"verdict": "INFECTED", "bucket": "lazaret-uploads", "signature": "Eicar-Test-Signature",
				"disposition": "quarantined",
			},
		},
		{
			"infected-locked",
			verdict(infected, &job.Copy{Bucket: "lazaret-quarantine", Key: "0a1b", SourceLocked: true}),
			map[string]string{
				"verdict": "INFECTED", "bucket": "lazaret-uploads", "signature": "Eicar-Test-Signature",
				"disposition": "locked",
			},
		},
		{
			"infected-gone", verdict(infected, nil),
			map[string]string{
				"verdict": "INFECTED", "bucket": "lazaret-uploads", "signature": "Eicar-Test-Signature",
				"disposition": "gone",
			},
		},
		{
			"unscannable-kept", verdict(unscannable, nil),
			map[string]string{
				"verdict": "UNSCANNABLE", "bucket": "lazaret-uploads", "reason": "encrypted", "disposition": "kept",
			},
		},
		{
			"unscannable-quarantined", verdict(unscannable, &job.Copy{Bucket: "lazaret-quarantine", Key: "0a1b"}),
			map[string]string{
				"verdict": "UNSCANNABLE", "bucket": "lazaret-uploads", "reason": "encrypted",
				"disposition": "quarantined",
			},
		},
		{
			"clean-kept", verdict(job.Scan{Verdict: job.Clean}, nil),
			map[string]string{"verdict": "CLEAN", "bucket": "lazaret-uploads", "disposition": "kept"},
		},
		{
			"clean-promoted",
			verdict(job.Scan{Verdict: job.Clean}, &job.Copy{Bucket: "lazaret-clean", Key: "in/año.zip"}),
			map[string]string{"verdict": "CLEAN", "bucket": "lazaret-uploads", "disposition": "promoted"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.golden, func(t *testing.T) {
			t.Parallel()
			var published map[string]string
			var put string
			h := handler{
				topic: "arn:topic", bus: "default", stack: "lazaret",
				sns: fakeTopic(func(in *sns.PublishInput) error {
					if err := json.Unmarshal([]byte(*in.Message), &published); err != nil || *in.MessageStructure != "json" {
						t.Errorf("message is %s, %v, want a JSON object of texts", *in.Message, err)
					}
					if !regexp.MustCompile(`^[ -~]{1,99}$`).MatchString(*in.Subject) {
						t.Errorf("subject %q, want 1 to 99 printable characters", *in.Subject)
					}
					got := map[string]string{}
					for name, a := range in.MessageAttributes {
						got[name] = *a.StringValue
					}
					if diff := cmp.Diff(tt.attributes, got); diff != "" {
						t.Errorf("attributes (-want +got):\n%s", diff)
					}
					return nil
				}),
				events: fakeBus(func(in *eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error) {
					put = *in.Entries[0].Detail
					return &eventbridge.PutEventsOutput{Entries: []buses.PutEventsResultEntry{{EventId: aws.String("e")}}}, nil
				}),
			}
			out, err := h.handle(t.Context(), tt.job)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.job, out); diff != "" {
				t.Errorf("job (-want +got):\n%s", diff)
			}
			if published["default"] != put {
				t.Errorf("topic and bus got different announcements, want the same:\n%s\n%s", published["default"], put)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, []byte(put), "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			golden(t, tt.golden+".golden.json", got.String())
			golden(t, tt.golden+".golden.txt", published["email"])
		})
	}
}

// golden compares what subscribers get with a golden file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("subscribers depend on this format (-golden +got):\n%s", diff)
	}
}

// TestWhatIsAnnounced: GuardDuty's event comes for every verdict where the policy asks for it, a clean object's
// announcement only where it asks for that, and nothing at all about samples of the canary.
func TestWhatIsAnnounced(t *testing.T) {
	t.Parallel()
	place := canary.Place{Bucket: "lazaret-uploads", Prefix: ".lazaret/canary/"}
	clean, infected := job.Scan{Verdict: job.Clean}, job.Scan{Verdict: job.Infected, Signature: "X"}
	sample := func(content []byte, key string) job.Job {
		sum := sha256.Sum256(content)
		scan := infected
		scan.SHA256 = hex.EncodeToString(sum[:])
		j := verdict(scan, &job.Copy{Bucket: "lazaret-quarantine", Key: "0a1b"})
		j.Object.Key, j.Policy.GuardDutyEvents = key, true
		return j
	}
	const ours, guardDutys = "Object Scanned", "GuardDuty Malware Protection Object Scan Result"
	with := func(s job.Scan, p job.Policy) job.Job {
		j := verdict(s, nil)
		j.Policy = p
		return j
	}
	tests := []struct {
		name   string
		job    job.Job
		topic  bool
		events []string
	}{
		{"infected", with(infected, job.Policy{}), true, []string{ours}},
		{"infected, GuardDuty's too", with(infected, job.Policy{GuardDutyEvents: true}), true, []string{ours, guardDutys}},
		{"clean, announced", with(clean, job.Policy{AnnounceClean: true}), true, []string{ours}},
		{"clean, GuardDuty's alone", with(clean, job.Policy{GuardDutyEvents: true}), false, []string{guardDutys}},
		{"clean, a deployment ago", with(clean, job.Policy{}), false, nil},
		{"the canary's EICAR", sample(eicar.Bytes(), ".lazaret/canary/1/eicar.com"), false, nil},
		{"other bytes among the samples", sample([]byte("x"), ".lazaret/canary/1/eicar.com"), true, []string{ours, guardDutys}},
		{"a person's EICAR", sample(eicar.Bytes(), "in/eicar.com"), true, []string{ours, guardDutys}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			published := false
			var types []string
			h := handler{
				topic: "arn:topic", bus: "default", stack: "lazaret", canary: place,
				sns: fakeTopic(func(*sns.PublishInput) error { published = true; return nil }),
				events: fakeBus(func(in *eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error) {
					for _, e := range in.Entries {
						types = append(types, *e.DetailType)
					}
					return &eventbridge.PutEventsOutput{}, nil
				}),
			}
			if _, err := h.handle(t.Context(), tt.job); err != nil {
				t.Fatal(err)
			}
			if published != tt.topic || !slices.Equal(types, tt.events) {
				t.Errorf("published %t and put %q, want %t and %q", published, types, tt.topic, tt.events)
			}
		})
	}
}

func TestAnnounceErrors(t *testing.T) {
	t.Parallel()
	fine := verdict(job.Scan{Verdict: job.Clean}, nil)
	entry := func(code string) fakeBus {
		return func(*eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error) {
			return &eventbridge.PutEventsOutput{
				FailedEntryCount: 1,
				Entries:          []buses.PutEventsResultEntry{{ErrorCode: &code, ErrorMessage: aws.String("m")}},
			}, nil
		}
	}
	tests := []struct {
		name  string
		job   job.Job
		topic error
		bus   fakeBus
		want  error
	}{
		{name: "no verdict", job: job.Job{}, want: job.ErrBadJob},
		{
			name:  "topic refuses",
			job:   fine,
			topic: &smithy.GenericAPIError{Code: "AuthorizationError"},
			want:  job.ErrAccessDenied,
		},
		{name: "topic throttles", job: fine, topic: &smithy.GenericAPIError{Code: "Throttled"}, want: job.ErrTransient},
		{name: "one entry is throttled", job: fine, bus: entry("ThrottlingException"), want: job.ErrTransient},
		{name: "one entry is refused", job: fine, bus: entry("AccessDeniedException"), want: job.ErrAccessDenied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := handler{sns: fakeTopic(func(*sns.PublishInput) error { return tt.topic }), events: tt.bus, topic: "t", bus: "b"}
			if _, err := h.handle(t.Context(), tt.job); !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
		})
	}
}

// TestAttributesThatSNSTakes: it refuses empty values and control characters.
func TestAttributesThatSNSTakes(t *testing.T) {
	t.Parallel()
	got := attributes(verdict(job.Scan{Verdict: job.Infected, Signature: strings.Repeat("ü\n", 200)}, nil), gone)
	if v := *got["signature"].StringValue; v != strings.Repeat("ü?", 128) {
		t.Errorf("signature = %q, want 256 printable characters", v)
	}
	if _, there := got["reason"]; there {
		t.Error("got an attribute without a value, want none")
	}
}

func TestSubjectOfALongSignature(t *testing.T) {
	t.Parallel()
	j := verdict(job.Scan{Verdict: job.Infected, Signature: strings.Repeat("Ünïx.", 60) + "\n"}, nil)
	if s := subject(j); len(s) != 99 || strings.ContainsAny(s, "\nÜ") {
		t.Errorf("subject = %q (%d), want 99 bytes of ASCII", s, len(s))
	}
}
