package pages

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/internal/trial"
	"github.com/lazaret/lazaret/local/console/task"
)

func newDefinitionsPage(t *testing.T, d DefinitionsRead, err error) (Definitions, *[]update.Request) {
	t.Helper()
	asked := new([]update.Request)
	return Definitions{
		View: site(), Tasks: task.NewRegistry(t.Context()), Read: fixed(t, d, err), Changed: func() {},
		Ask: func(_ context.Context, request update.Request, answer any) error {
			*asked = append(*asked, request)
			if status, ok := answer.(*update.Status); ok {
				status.Outcome = freshclam.Updated
			}
			if request.Signature == "refused" {
				return errors.New("an update runs")
			}
			return nil
		},
	}, asked
}

func TestDefinitions(t *testing.T) {
	t.Parallel()
	built := time.Now().Add(-50 * time.Hour)
	generation := func(name string) definitions.Generation {
		return definitions.Generation{Fingerprint: name, Version: 27999, Built: built, Signatures: 8700000}
	}
	page, _ := newDefinitionsPage(t, DefinitionsRead{
		Listing: update.Listing{
			Generations: []definitions.Generation{generation("aaa"), generation("bbb")},
			Current:     "aaa", Previous: "bbb", Pinned: "aaa", Ignored: []string{hostileKey},
			Trials: []trial.Trial{{Signature: hostileKey}},
			Status: update.Status{
				Outcome: update.HeldBack, Detail: hostileKey, Warnings: []string{hostileKey},
				Held: &update.Hold{Generation: generation("ccc"), Summary: update.Summary{
					Files: 1, Detections: []definitions.Detection{{Signature: hostileKey, File: "f"}},
				}},
			},
		},
		Runs: []Run{{Outcome: hostileKey, Detail: hostileKey}, {Outcome: "updated", Version: 27999, Published: true}},
	}, nil)
	_, body := get(t, page, "/definitions")
	wants(t, body, "Daily 27999, 2 days 2 h old", "8\u2009700\u2009000 signatures", "is pinned", "held back", "Unpin",
		"/definitions/change?do=publish&amp;name=ccc", "/definitions/change?do=pin&amp;name=bbb", "on trial", "Use again")

	page, _ = newDefinitionsPage(t, DefinitionsRead{NoRuns: "you may not"}, nil)
	_, body = get(t, page, "/definitions")
	wants(t, body, "None are published: nothing is scanned", "Not known: <bdi>you may not")
	page, _ = newDefinitionsPage(t, DefinitionsRead{}, errors.New("no "+hostileKey))
	_, body = get(t, page, "/definitions")
	wants(t, body, "no in/")
}

func TestChange(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		form url.Values
		asks string
		want []update.Request
	}{
		"update":   {url.Values{"do": {"update"}}, "Look for new definitions now?", []update.Request{{}}},
		"rollback": {url.Values{"do": {"rollback"}}, "pinned", []update.Request{{Definitions: "rollback"}}},
		"pin":      {url.Values{"do": {"pin"}, "name": {"aaa"}}, "aaa", []update.Request{{Definitions: "pin", Generation: "aaa"}}},
		"ignore": {
			url.Values{"do": {"ignore"}, "name": {"Sig"}},
			"Sig",
			[]update.Request{{Definitions: "ignore", Signature: "Sig"}, {}},
		},
		"confirm": {
			url.Values{"do": {"confirm"}, "name": {"Sig"}}, "Sig", []update.Request{{Definitions: "confirm", Signature: "Sig"}},
		},
	} {
		page, asked := newDefinitionsPage(t, DefinitionsRead{}, nil)
		_, body := get(t, page, "/definitions/change?"+test.form.Encode())
		if wants(t, body, test.asks); len(*asked) > 0 {
			t.Fatalf("%s: the second step asked for %+v", name, *asked)
		}
		code, location := post(t, page, "/definitions/change", test.form)
		if s := finish(t, page.Tasks, code, location); s.Error != "" || !slices.Equal(*asked, test.want) {
			t.Errorf("%s: asked for %+v, error %q; want %+v", name, *asked, s.Error, test.want)
		}
	}
	page, asked := newDefinitionsPage(t, DefinitionsRead{}, nil)
	for _, form := range []url.Values{{}, {"do": {"list"}}, {"do": {"pin"}}, {"do": {"ignore"}, "name": {" "}}} {
		if code, _ := get(t, page, "/definitions/change?"+form.Encode()); code != 400 {
			t.Errorf("asking about %q: got %d, want 400", form, code)
		}
		if code, _ := post(t, page, "/definitions/change", form); code != 400 || len(*asked) > 0 {
			t.Errorf("changing %q: got %d and asked for %+v, want 400 and nothing", form, code, *asked)
		}
	}
	code, location := post(t, page, "/definitions/change", url.Values{"do": {"ignore"}, "name": {"refused"}})
	if s := finish(t, page.Tasks, code, location); s.Error != "an update runs" {
		t.Errorf("a refusal: got %q", s.Error)
	}
}

// The second step of a rollback names the generation, and the press pins that one: after another rollback, or an
// update, the previous generation is another one.
func TestRollbackNames(t *testing.T) {
	t.Parallel()
	page, asked := newDefinitionsPage(t, DefinitionsRead{Listing: update.Listing{Current: "aaa", Previous: "bbb"}}, nil)
	_, body := get(t, page, "/definitions/change?do=rollback")
	wants(t, body, "Go back to the previous generation?", "bbb", `name="do" value="pin"`, `name="name" value="bbb"`)
	code, location := post(t, page, "/definitions/change", url.Values{"do": {"pin"}, "name": {"bbb"}})
	want := []update.Request{{Definitions: "pin", Generation: "bbb"}}
	if s := finish(t, page.Tasks, code, location); s.Error != "" || !slices.Equal(*asked, want) {
		t.Errorf("asked for %+v, error %q; want %+v", *asked, s.Error, want)
	}
}

type fakeLogs func(*cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error)

func (f fakeLogs) FilterLogEvents(
	_ context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options),
) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	return f(in)
}

func TestReadRuns(t *testing.T) {
	t.Parallel()
	events := func(lines ...string) (all []types.FilteredLogEvent) {
		for _, line := range lines {
			all = append(all, types.FilteredLogEvent{Message: &line, Timestamp: aws.Int64(1700000000000)})
		}
		return all
	}
	runs, err := ReadRuns(t.Context(), fakeLogs(func(
		in *cloudwatchlogs.FilterLogEventsInput,
	) (*cloudwatchlogs.FilterLogEventsOutput, error) {
		if in.NextToken == nil {
			return &cloudwatchlogs.FilterLogEventsOutput{NextToken: aws.String("more"), Events: events(
				`{"msg":"freshclam","cause":"a warning"}`, `{"msg":"freshclam","outcome":"updated","version":27999,"published":true}`,
			)}, nil
		}
		return &cloudwatchlogs.FilterLogEventsOutput{Events: events(`not json`, `{"msg":"freshclam","outcome":"current"}`)}, nil
	}), "/lazaret/ward")
	if err != nil || len(runs) != 2 || runs[0].Outcome != "updated" || runs[0].Version != 27999 || !runs[0].Published ||
		runs[0].Time.Unix() != 1700000000 || runs[1].Outcome != "current" {
		t.Errorf("got %+v and error %v", runs, err)
	}
	runs, err = ReadRuns(t.Context(), fakeLogs(func(
		*cloudwatchlogs.FilterLogEventsInput,
	) (*cloudwatchlogs.FilterLogEventsOutput, error) {
		return nil, &types.ResourceNotFoundException{}
	}), "/lazaret/ward")
	if err != nil || runs != nil {
		t.Errorf("without a log group: got %v and error %v", runs, err)
	}
}
