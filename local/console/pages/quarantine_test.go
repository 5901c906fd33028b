package pages

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/local/cmd/lazaret/decide"
	"github.com/lazaret/lazaret/local/console/task"
)

func TestReadQuarantine(t *testing.T) {
	t.Parallel()
	at := time.Now()
	client := fakeS3{
		keys: func(in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
			object := func(key string) types.Object { return types.Object{Key: &key, LastModified: &at} }
			if in.ContinuationToken == nil {
				return &s3.ListObjectsV2Output{
					Contents:              []types.Object{object("a"), object("a.json"), object("canary/x")},
					NextContinuationToken: aws.String("more"),
				}, nil
			}
			return &s3.ListObjectsV2Output{Contents: []types.Object{object("b"), object("c"), object("d")}}, nil
		},
		tags: func(in *s3.GetObjectTaggingInput) ([]types.Tag, error) {
			switch *in.Key {
			case "a", "b":
				return []types.Tag{tag("scan-status", "INFECTED"), tag("scan-detail", "Sig")}, nil
			case "c":
				return []types.Tag{tag("scan-status", "UNSCANNABLE"), tag("scan-detail", "encrypted")}, nil
			}
			return nil, errors.New("AccessDenied")
		},
	}
	q, err := ReadQuarantine(t.Context(), client, "locked")
	var got []string
	for _, g := range q.Groups {
		got = append(got, fmt.Sprintf("%s %s %d", g.Verdict, g.Detail, g.Count))
	}
	want := []string{"INFECTED Sig 2", "not known  1", "UNSCANNABLE encrypted 1"}
	if err != nil || !slices.Equal(got, want) || q.Count != 4 || q.Partial {
		t.Errorf("got %q, %d in all, partial %t, error %v; want %q", got, q.Count, q.Partial, err, want)
	}
	if !strings.Contains(q.NoTags, "s3:GetObjectTagging") || !strings.Contains(q.NoTags, "AccessDenied") {
		t.Errorf("the tags of a copy may not be read: got %q, want the permission and the answer", q.NoTags)
	}
}

// function is a fake of the function release, with two copies and one that was released.
type function struct {
	mu       sync.Mutex
	released []string
	requests []decision.Request
	conflict bool
}

func (f *function) ask(_ context.Context, in decision.Request) (decision.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	switch in.Action {
	case decision.ActionFind:
		return decision.Answer{Copies: []decision.Copy{
			{Copy: "s3://locked/a?versionId=1", Original: "s3://b/in/x?versionId=v", SHA256: "aa", Time: at},
			{
				Copy: "s3://locked/b?versionId=2", SHA256: "bb", Time: at.Add(time.Hour),
				Original: "s3://b/" + hostileKey + "?versionId=w",
			},
			{Copy: "s3://locked/c?versionId=3", Original: "s3://b/in/z", SHA256: "cc", Time: at, Released: true},
		}}, nil
	case decision.ActionVerdict:
		return decision.Answer{Verdict: &decision.Verdict{Verdict: "CLEAN"}}, nil
	}
	if f.conflict {
		return decision.Answer{}, errors.New("the key has a newer object")
	}
	f.requests = append(f.requests, in)
	if !in.DryRun {
		f.released = append(f.released, in.Key)
	}
	return decision.Answer{Record: &decision.Record{Object: "s3://b/in/x?versionId=new"}}, nil
}

func newQuarantinePage(t *testing.T) (Quarantine, *function) {
	t.Helper()
	f := &function{}
	return Quarantine{
		View: site(), Tasks: task.NewRegistry(t.Context()),
		Read: fixed(t, Quarantined{Count: 2, Groups: []*QuarantinedGroup{
			{Verdict: "INFECTED", Detail: "Sig<b>", Count: 1}, {Verdict: "UNSCANNABLE", Detail: "encrypted", Count: 1},
		}}, nil),
		Decide: func(context.Context) (*decide.Client, error) {
			return &decide.Client{Ask: f.ask, By: "arn:aws:iam::1:user/o", Interval: time.Millisecond}, nil
		},
	}, f
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	page, _ := newQuarantinePage(t)
	_, body := get(t, page, "/quarantine")
	wants(t, body, "2 copies", "/quarantine/signature?name=Sig%3Cb%3E", "Unscannable", "encrypted")
	_, body = get(t, page, "/quarantine/signature?name=Sig")
	wants(t, body, "3 copies", "2 not released", "in/x", `\u202e`, "released")
	if code, _ := get(t, page, "/quarantine/signature"); code != 400 {
		t.Errorf("without a signature: got %d, want 400", code)
	}
	page.Read = fixed(t, Quarantined{NoTags: "tags " + hostileKey}, nil)
	_, body = get(t, page, "/quarantine")
	wants(t, body, "Nothing is in quarantine", `\u202e`)
}

func TestRelease(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		form url.Values
		asks string
		want []string
	}{
		"all": {url.Values{"signature": {"Sig"}}, "Release 2 copies?", []string{"a", "b"}},
		"one": {url.Values{"signature": {"Sig"}, "copy": {"s3://locked/b?versionId=2"}}, "Release 1 copy?", []string{"b"}},
		"one that was released": {
			url.Values{"signature": {"Sig"}, "copy": {"s3://locked/c?versionId=3"}}, "No copy is chosen", nil,
		},
	} {
		page, f := newQuarantinePage(t)
		_, body := get(t, page, "/quarantine/release?"+test.form.Encode())
		wants(t, body, test.asks)
		code, body := post(t, page, "/quarantine/release", test.form) // without a reason
		if wants(t, body, test.asks, "The reason is missing"); code != 200 || len(f.released) > 0 {
			t.Errorf("%s without a reason: got %d and released %q", name, code, f.released)
		}
		test.form["reason"], test.form["days"], test.form["overwrite"] = []string{"INC-42"}, []string{"7"}, []string{"yes"}
		code, location := post(t, page, "/quarantine/release", test.form)
		if s := finish(t, page.Tasks, code, location); s.Error != "" {
			t.Errorf("%s: the task ended with %q", name, s.Error)
		}
		if slices.Sort(f.released); !slices.Equal(f.released, test.want) {
			t.Errorf("%s: released %q, want %q", name, f.released, test.want)
		}
		for _, r := range f.requests {
			if !r.DryRun && (r.Reason != "INC-42" || r.Seconds != 7*24*3600 || !r.Overwrite || r.By != "arn:aws:iam::1:user/o") {
				t.Errorf("%s: asked for %+v", name, r)
			}
		}
	}
}

// A copy that comes between the second step and the press was not named, and stays: the form names each copy.
func TestReleaseNamesCopies(t *testing.T) {
	t.Parallel()
	page, _ := newQuarantinePage(t)
	_, body := get(t, page, "/quarantine/release?signature=Sig")
	wants(t, body, `name="copy" value="s3://locked/a?versionId=1"`, `name="copy" value="s3://locked/b?versionId=2"`)
	if strings.Contains(body, "s3://locked/c?versionId=3") {
		t.Error("the form names a copy that was released before")
	}
}

func TestReleaseProblems(t *testing.T) {
	t.Parallel()
	page, f := newQuarantinePage(t)
	f.conflict = true
	_, body := get(t, page, "/quarantine/release?signature=Sig")
	wants(t, body, "Some would not be released now", "the key has a newer object")
	if code, _ := get(t, page, "/quarantine/release?signature=Sig&days=400"); code != 400 {
		t.Errorf("400 days: got %d, want 400", code)
	}
	code, location := post(t, page, "/quarantine/release", url.Values{"signature": {"Sig"}, "reason": {"x"}})
	if s := finish(t, page.Tasks, code, location); s.Error == "" || len(s.Lines) != 2 || s.Lines[0].Mood != "failed" {
		t.Errorf("got the error %q and the lines %+v, want two failures", s.Error, s.Lines)
	}
}
