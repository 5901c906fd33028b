package sweeps

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/internal/testing/s3fake"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
)

// stackOf is a deployed stack with what Collect looks at.
type stackOf struct {
	queued  map[string]string // depth by URL
	running []job.Job
	letters []redrive.Letter
	hidden  int               // letters that another command has
	tags    map[string]string // verdict by key; "gone" for none
}

func (s stackOf) GetQueueAttributes(
	_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	n := s.queued[*in.QueueUrl]
	if n == "" {
		n = "0"
	}
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
		"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": n,
	}}, nil
}

func (s stackOf) ListExecutions(
	context.Context, *sfn.ListExecutionsInput, ...func(*sfn.Options),
) (*sfn.ListExecutionsOutput, error) {
	out := &sfn.ListExecutionsOutput{}
	for _, j := range s.running {
		name := j.ExecutionName()
		out.Executions = append(out.Executions, types.ExecutionListItem{ExecutionArn: &name, Name: &name})
	}
	return out, nil
}

func (s stackOf) DescribeExecution(
	_ context.Context, in *sfn.DescribeExecutionInput, _ ...func(*sfn.Options),
) (*sfn.DescribeExecutionOutput, error) {
	for _, j := range s.running {
		if j.ExecutionName() == *in.ExecutionArn {
			text, err := json.Marshal(j)
			return &sfn.DescribeExecutionOutput{Input: aws.String(string(text))}, err
		}
	}
	return nil, errors.New("no such execution")
}

func (s stackOf) List(_ context.Context, _ int, choose func(redrive.Letter) bool) (redrive.Result, error) {
	for _, l := range s.letters {
		choose(l)
	}
	return redrive.Result{Seen: len(s.letters), HiddenByOthers: s.hidden}, nil
}

func (s stackOf) GetObjectTagging(
	_ context.Context, in *s3.GetObjectTaggingInput, _ ...func(*s3.Options),
) (*s3.GetObjectTaggingOutput, error) {
	verdict := s.tags[*in.Key]
	if verdict == "gone" {
		return nil, s3fake.Err("GetObjectTagging", http.StatusNotFound, "NoSuchVersion", "")
	}
	out := &s3.GetObjectTaggingOutput{}
	if verdict != "" {
		out.TagSet = []s3types.Tag{
			{Key: aws.String("scan-status"), Value: &verdict},
			{Key: aws.String("scan-time"), Value: aws.String("2026-11-20T01:02:03Z")},
		}
	}
	return out, nil
}

func (s stackOf) collect(t *testing.T) Evidence {
	t.Helper()
	e, err := Collect(t.Context(), deployment.Stack{Uploads: "uploads", Rescans: "rescans"}, s, s, s, s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestExplain(t *testing.T) {
	t.Parallel()
	o := job.Object{Bucket: "b", Key: "k", VersionID: "v", ETag: "e"}
	flat := job.Object{Bucket: "b", Key: "k", VersionID: "null", ETag: "e"}
	event := job.Object{Bucket: "b", Key: "k", ETag: "e", Sequencer: "05"} // of the same object as flat
	other := job.Object{Bucket: "b", Key: "k", VersionID: "w", ETag: "e"}
	letter := func(o job.Object) []redrive.Letter {
		return []redrive.Letter{{Error: "TagLimit", Cause: "ten tags", Objects: []job.Object{o}}}
	}
	for name, test := range map[string]struct {
		stack  stackOf
		found  sweep.Found
		want   State
		detail string
	}{
		"nothing names it":      {stackOf{}, sweep.Found{Object: o}, NeverStarted, ""},
		"an upload is received": {stackOf{queued: map[string]string{"uploads": "1"}}, sweep.Found{Object: o}, Waiting, "1 messages"},
		"a rescan waits":        {stackOf{queued: map[string]string{"rescans": "7"}}, sweep.Found{Object: o}, Waiting, "7 messages"},
		"it runs":               {stackOf{running: []job.Job{{Object: o}}, letters: letter(o)}, sweep.Found{Object: o}, Running, "execution k-"},
		"another version runs":  {stackOf{running: []job.Job{{Object: other}}}, sweep.Found{Object: o}, NeverStarted, ""},
		"a letter names it":     {stackOf{letters: letter(o)}, sweep.Found{Object: o}, DeadLetter, "TagLimit: ten tags"},
		"a letter of another":   {stackOf{letters: letter(other)}, sweep.Found{Object: o}, NeverStarted, ""},
		"a letter while others wait": {
			stackOf{letters: letter(o), queued: map[string]string{"uploads": "1"}},
			sweep.Found{Object: o},
			DeadLetter,
			"TagLimit",
		},
		"without versions":        {stackOf{letters: letter(event)}, sweep.Found{Object: flat}, DeadLetter, "TagLimit"},
		"without versions, runs":  {stackOf{running: []job.Job{{Object: event}}}, sweep.Found{Object: flat}, Running, ""},
		"scanned since the sweep": {stackOf{tags: map[string]string{"k": "CLEAN"}}, sweep.Found{Object: o}, ScannedSince, ""},
		"a forged verdict":        {stackOf{tags: map[string]string{"k": "GOOD"}}, sweep.Found{Object: o}, NeverStarted, ""},
		"deleted since the sweep": {stackOf{tags: map[string]string{"k": "gone"}}, sweep.Found{Object: o}, GoneSince, ""},
		"its tags are refused":    {stackOf{}, sweep.Found{Object: o, Error: "AccessDenied"}, Unreadable, "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := test.stack.collect(t).Explain(t.Context(), test.found)
			if err != nil || v.State != test.want || !strings.Contains(v.Detail, test.detail) {
				t.Errorf("got %+v, %v, want %q with %q", v, err, test.want, test.detail)
			}
		})
	}
}

func TestFailedRescans(t *testing.T) {
	t.Parallel()
	objects := []job.Object{
		{Bucket: "b", Key: "clean", VersionID: "v"},
		{Bucket: "b", Key: "none", VersionID: "v"},
		{Bucket: "b", Key: "moved", VersionID: "v"},
		{Bucket: "elsewhere", Key: "clean", VersionID: "v"},
	}
	s := stackOf{tags: map[string]string{"clean": "CLEAN", "moved": "gone"}}
	for _, o := range objects {
		s.letters = append(s.letters, redrive.Letter{Error: "Engine", Objects: []job.Object{o}})
	}
	all, err := s.collect(t).FailedRescans(t.Context(), func(o job.Object) bool { return o.Bucket == "b" })
	if err != nil || len(all) != 1 || all[0].Key != "clean" || all[0].Verdict != job.Clean ||
		Date(all[0].Time) != "2026-11-20 01:02:03 UTC" || all[0].Detail != "Engine" {
		t.Errorf("got %+v, %v, want clean with its verdict and date", all, err)
	}
}

// TestHiddenLetters: what another command hides cannot be told from what is not there, so that nothing is proved.
func TestHiddenLetters(t *testing.T) {
	t.Parallel()
	s := stackOf{hidden: 3}
	_, err := Collect(t.Context(), deployment.Stack{}, s, s, s, s)
	if err == nil || !strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v, want an error", err)
	}
}
