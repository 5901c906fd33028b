package endtoend

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
)

// TestExecutions lists and finds executions, and reads their histories, in both lanes. An object of more than 64 MiB
// takes the STANDARD one in both workflows.
func TestExecutions(t *testing.T) {
	eachLane(t, func(t *testing.T, workflow string) {
		m := start(t, "--parameter-overrides", workflow)
		small := history.Standard
		if workflow == "Workflow=EXPRESS" {
			small = history.Express
		}
		began := time.Now()
		var want []string
		for _, o := range []struct {
			key     string
			content []byte
			own     int // tags
			lane    history.Lane
			status  history.Status
			events  int
		}{
			{"reports/a.txt", sample.Text("a"), 0, small, history.Succeeded, 21},
			{"other/a.txt", sample.Text("b"), 0, small, history.Succeeded, 21},
			{"ten tags", sample.Text("c"), 10, small, history.Failed, 27},
			{"large", make([]byte, 64<<20+1), 0, history.Standard, history.Succeeded, 21},
		} {
			put := m.Put(t, o.key, o.content, ownTags(o.own))
			end := m.Await(t, put)
			name := job.Job{Object: put}.ExecutionName()
			row := fmt.Sprintf("%s %s %s", o.lane, name, o.status)
			want = append([]string{row}, want...)
			found, err := m.Executions.FindName(t.Context(), name, history.Window{})
			if diff := cmp.Diff([]string{row}, rowsOf(found)); diff != "" || err != nil {
				t.Errorf("by its name %s has the error %v, and (-want +got):\n%s", o.key, err, diff)
			}
			found = nil
			object := job.Object{Bucket: put.Bucket, Key: put.Key}
			for e, err := range m.Executions.FindObject(t.Context(), object, history.Window{}) {
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, e)
			}
			if diff := cmp.Diff([]string{row}, rowsOf(found)); diff != "" {
				t.Errorf("by its object %s has (-want +got):\n%s", o.key, diff)
			}
			events := m.History(t, end.ARN)
			if first, last := events[0], events[len(events)-1]; len(events) != o.events || first.Kind != history.Began ||
				last.Kind != history.Ended || last.Status != o.status {
				t.Errorf("%s has %d events from %+v to %+v, want %d, from its beginning to %s",
					o.key, len(events), first, last, o.events, o.status)
			}
		}
		if diff := cmp.Diff(want, rowsOf(m.List(t))); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}
		// The functions' log has verdicts and keys of both lanes. "ten tags" was scanned, and has a dead letter.
		for _, q := range []struct {
			query history.Query
			keys  []string
		}{
			{history.Query{}, []string{"large", "ten tags", "other/a.txt", "reports/a.txt"}},
			{history.Query{Status: history.Failed}, []string{"ten tags"}},
			{history.Query{Verdict: job.Clean}, []string{"large", "ten tags", "other/a.txt", "reports/a.txt"}},
			{history.Query{Verdict: job.Infected}, nil},
			{history.Query{Text: "r/a.t"}, []string{"other/a.txt"}},
			{history.Query{Text: "/a", Verdict: job.Clean, Status: history.Succeeded}, []string{"other/a.txt", "reports/a.txt"}},
			{history.Query{Lane: history.Standard, Text: "arge"}, []string{"large"}},
		} {
			q.query.Limit = 3
			var keys []string
			for range 3 {
				page, err := m.Executions.Query(t.Context(), q.query)
				if err != nil || page.Partial != "" {
					t.Fatalf("query %+v: %v %s", q.query, err, page.Partial)
				}
				for _, row := range page.Rows {
					if keys = append(keys, row.Object.Key); row.Started.IsZero() || row.Stopped.IsZero() ||
						row.Verdict != job.Clean && (q.query.Verdict != "" || row.Object.Key != "ten tags") {
						t.Errorf("query %+v: got the row %+v, want its times and verdict", q.query, row)
					}
				}
				if q.query.Cursor = page.Next; q.query.Cursor == "" {
					break
				}
			}
			if diff := cmp.Diff(q.keys, keys); diff != "" {
				t.Errorf("query %+v (-want +got):\n%s", q.query, diff)
			}
		}
		for e, err := range m.Executions.List(t.Context(), history.Window{Until: began.Add(-time.Minute)}) {
			t.Errorf("a minute before the first upload there is %+v, %v, want none", e, err)
		}
		if _, err := m.Executions.FindName(t.Context(), "none", history.Window{}); !errors.Is(err, history.ErrNotFound) {
			t.Errorf("looking for a name that there is not has the error %v, want %v", err, history.ErrNotFound)
		}
		if n, err := m.Executions.CountRunning(t.Context(), 10); n != 0 || err != nil {
			t.Errorf("CountRunning() = %d, %v, want 0", n, err)
		}
	})
}

func rowsOf(executions []history.Execution) (rows []string) {
	for _, e := range executions {
		rows = append(rows, fmt.Sprintf("%s %s %s", e.Lane, e.Name, e.Status))
	}
	return rows
}
