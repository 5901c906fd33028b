package filled_test

import (
	"os"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/tests/filled"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// BenchmarkPage reads pages of fifty of 10,000 executions.
func BenchmarkPage(b *testing.B) {
	for _, workflow := range []string{"STANDARD", "EXPRESS"} {
		data, err := os.MkdirTemp("", "lazaret-filled-")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = os.RemoveAll(data) })
		filled.Fill(b, data, filled.Filling{Executions: 10_000, Express: workflow == "EXPRESS"})
		m := harness.Start(b, "--data", data, "--parameter-overrides", "Workflow="+workflow)
		for name, q := range map[string]history.Query{
			"all": {}, "failed": {Status: history.Failed}, "infected": {Verdict: job.Infected}, "key": {Text: "partners/"},
			"rare": {Text: "invoice-00001"}, "nothing": {Text: "no such key"},
			"yesterday": {Window: history.Window{Since: time.Now().Add(-19 * time.Hour), Until: time.Now().Add(-18 * time.Hour)}},
		} {
			b.Run(workflow+" "+name, func(b *testing.B) {
				for range b.N {
					page, err := m.Executions.Query(b.Context(), q)
					if err != nil || page.Partial != "" {
						b.Fatalf("%v %s", err, page.Partial)
					}
				}
			})
		}
	}
}
