package filled_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/tests/filled"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestFill starts a stack with two hundred executions of the past, in each workflow, and counts them by their outcomes.
func TestFill(t *testing.T) {
	t.Parallel()
	for _, workflow := range []string{"STANDARD", "EXPRESS"} {
		t.Run(workflow, func(t *testing.T) {
			t.Parallel()
			data, err := os.MkdirTemp("", "lazaret-filled-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(data) })
			filled.Fill(t, data, filled.Filling{Executions: 200, Express: workflow == "EXPRESS"})
			m := harness.Start(t, "--data", data, "--parameter-overrides", "Workflow="+workflow)
			want := map[history.Query]int{
				{}:                         200,
				{Status: history.Failed}:   16,
				{Status: history.TimedOut}: 2,
				{Status: history.Aborted}:  4,
				{Verdict: job.Infected}:    16,
				{Verdict: job.Unscannable}: 12,
				{Text: "partners/<acme>"}:  6,
			}
			got := map[history.Query]int{}
			for q := range want {
				next := q
				for range 20 {
					page, err := m.Executions.Query(t.Context(), next)
					if err != nil || page.Partial != "" {
						t.Fatalf("%+v: %v %s", q, err, page.Partial)
					}
					got[q] += len(page.Rows)
					for _, row := range page.Rows {
						if age := time.Since(row.Started); row.Object.Key == "" || age < 0 || age > 20*time.Hour {
							t.Errorf("%+v: got %+v, want an object, and a start of the last 20 hours", q, row)
						}
					}
					if next.Cursor = page.Next; page.Next == "" {
						break
					}
				}
			}
			if workflow == "EXPRESS" { // nobody stops an EXPRESS execution
				delete(want, history.Query{Status: history.Aborted})
				delete(got, history.Query{Status: history.Aborted})
			}
			if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); diff != "" {
				t.Errorf("executions (-want +got):\n%s", diff)
			}
		})
	}
}
