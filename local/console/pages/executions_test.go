package pages

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

func TestExecutions(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	row := history.Row{
		Execution: history.Execution{
			ARN: "arn:aws:states:r:1:execution:ward-scan:n", Name: "n", Lane: history.Standard, Status: history.Succeeded,
			Started: began, Stopped: began.Add(1240 * time.Millisecond),
		},
		Object: job.Object{Bucket: "b", Key: hostileKey, Size: 1536}, Verdict: job.Infected, Detail: "Sig<b>",
	}
	dead := history.Row{Execution: history.Execution{
		Name: "dead_txt-1", Lane: history.Express, Status: history.Failed, Error: "DeadLettered", Started: began,
	}, Detail: "no tags"}
	var asked history.Query
	page := Executions{View: site(), Every: time.Millisecond, Query: func(
		_ context.Context, q history.Query,
	) (history.Page, error) {
		asked = q
		return history.Page{Rows: []history.Row{row, dead}, Next: "the next", Partial: "the log " + hostileKey}, nil
	}}
	code, body := get(t, page, "/executions?q=in%2F&status=FAILED&verdict=INFECTED&lane=EXPRESS&since=7d&cursor=c")
	if code != 200 {
		t.Fatalf("got %d", code)
	}
	wants(t, body, `\u202e`, "Infected", "Sig&lt;b&gt;", "1.24 s", "1.5 KiB", "dead letter", "no tags", "Not everything",
		`href="/executions?cursor=the+next&amp;lane=EXPRESS&amp;q=in%2F&amp;since=7d&amp;status=FAILED&amp;verdict=INFECTED"`,
		`value="in/"`, "Newest")
	since := time.Since(asked.Window.Since).Round(time.Hour)
	asked.Window = history.Window{}
	want := history.Query{
		Status: history.Failed, Verdict: job.Infected, Lane: history.Express, Text: "in/", Cursor: "c",
	}
	if asked != want || since != 7*24*time.Hour {
		t.Errorf("asked for %+v of the last %v, want %+v of 7 days", asked, since, want)
	}
}

func TestExecutionsEmpty(t *testing.T) {
	t.Parallel()
	page := Executions{View: site(), Query: func(context.Context, history.Query) (history.Page, error) {
		return history.Page{}, nil
	}}
	_, body := get(t, page, "/executions")
	wants(t, body, "Nothing was scanned", `data-live="/executions/live"`)
	_, body = get(t, page, "/executions?q=x")
	wants(t, body, "No execution fits")
	if code, _ := get(t, page, "/executions?status=NONE"); code != 400 {
		t.Errorf("a status that is not known: got %d, want 400", code)
	}
	page.Query = func(context.Context, history.Query) (history.Page, error) {
		return history.Page{}, errors.New("you may not " + hostileKey)
	}
	code, body := get(t, page, "/executions")
	wants(t, body, "you may not", "Try again")
	if code != 502 {
		t.Errorf("a refusal of AWS: got %d, want 502", code)
	}
	page.Query = func(context.Context, history.Query) (history.Page, error) {
		return history.Page{}, fmt.Errorf("read: %w", history.ErrBadCursor)
	}
	code, body = get(t, page, "/executions?cursor=x")
	if wants(t, body, "begin again"); code != 400 {
		t.Errorf("a cursor that no page had: got %d, want 400", code)
	}
}
