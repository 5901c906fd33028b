package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	buses "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

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
		Version: 1, Scan: &s, Copy: c,
		Object: job.Object{Bucket: "lazaret-uploads", Key: "in/año.zip", VersionID: "v1", Size: 68},
		Work:   &job.Work{File: "never-announced"},
	}
}

func TestAnnouncements(t *testing.T) {
	t.Parallel()
	infected := job.Scan{Verdict: job.Infected, Signature: "Eicar-Test-Signature"}
	unscannable := job.Scan{Verdict: job.Unscannable, Reason: job.Encrypted, Detail: "Heuristics.Encrypted.Zip"}
	tests := []struct {
		golden string
		job    job.Job
	}{
		{"infected-quarantined", verdict(infected, &job.Copy{Bucket: "lazaret-quarantine", Key: "0a1b"})},
		{"infected-locked", verdict(infected, &job.Copy{Bucket: "lazaret-quarantine", Key: "0a1b", SourceLocked: true})},
		{"infected-gone", verdict(infected, nil)},
		{"unscannable-kept", verdict(unscannable, nil)},
		{"unscannable-quarantined", verdict(unscannable, &job.Copy{Bucket: "lazaret-quarantine", Key: "0a1b"})},
		{"clean-kept", verdict(job.Scan{Verdict: job.Clean}, nil)},
		{"clean-promoted", verdict(job.Scan{Verdict: job.Clean}, &job.Copy{Bucket: "lazaret-clean", Key: "in/año.zip"})},
	}
	for _, tt := range tests {
		t.Run(tt.golden, func(t *testing.T) {
			t.Parallel()
			var published, put string
			h := handler{
				topic: "arn:topic", bus: "default",
				sns: fakeTopic(func(in *sns.PublishInput) error {
					published = *in.Message
					if !regexp.MustCompile(`^[ -~]{1,99}$`).MatchString(*in.Subject) {
						t.Errorf("subject %q, want 1 to 99 printable characters", *in.Subject)
					}
					if got := *in.MessageAttributes["verdict"].StringValue; got != string(tt.job.Scan.Verdict) {
						t.Errorf("attribute verdict = %s", got)
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
			if published != put {
				t.Errorf("topic and bus got different announcements, want the same:\n%s\n%s", published, put)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, []byte(published), "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			path := filepath.Join("testdata", tt.golden+".golden.json")
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
				t.Errorf("subscribers depend on this format (-golden +got):\n%s", diff)
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

func TestSubjectOfALongSignature(t *testing.T) {
	t.Parallel()
	j := verdict(job.Scan{Verdict: job.Infected, Signature: strings.Repeat("Ünïx.", 60) + "\n"}, nil)
	if s := subject(j); len(s) != 99 || strings.ContainsAny(s, "\nÜ") {
		t.Errorf("subject = %q (%d), want 99 bytes of ASCII", s, len(s))
	}
}
