package demo

import (
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
)

// Every sample's line fits into 80 columns, and its key is whole.
func TestTableFits(t *testing.T) {
	t.Parallel()
	for _, s := range sample.All() {
		r := result{sample: s, failure: s.Want.Error}
		r.job.Copy = &job.Copy{Bucket: "quarantine", Key: "0a1b"}
		if s.Want.Error == "" {
			r.job.Scan = &job.Scan{
				Verdict:   s.Want.Verdict,
				Signature: s.Want.Signature,
				Reason:    s.Want.Reason,
				Engine:    job.Engine{Name: s.Want.Engine},
			}
		}
		var b strings.Builder
		r.row()(&b)
		line := strings.TrimSuffix(b.String(), "\n")
		if width := runewidth.StringWidth(line); width > 80 || !strings.HasPrefix(line, s.Key+" ") {
			t.Errorf("%d columns, want at most 80 and the whole key %q:\n%s", width, s.Key, line)
		}
	}
}
