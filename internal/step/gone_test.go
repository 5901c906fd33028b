package step

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/metric"
)

func TestCountGone(t *testing.T) {
	t.Parallel()
	deleted, overwritten := fmt.Errorf("x: %w", job.ErrObjectGone), fmt.Errorf("x: %w", job.ErrObjectChanged)
	scan := func(v job.Verdict) *job.Scan { return &job.Scan{Verdict: v} }
	all := job.Policy{PromoteClean: true, QuarantineUnscannable: true}
	tests := []struct {
		name, state string
		job         job.Job
		err         error
		want        string // the cause that is counted, empty for none
	}{
		{"no verdict", "fetch", job.Job{Policy: all}, deleted, "ObjectGone"},
		{"overwritten", "fetch", job.Job{Policy: all}, overwritten, "ObjectChanged"},
		{"clean, stays", "tag", job.Job{Scan: scan(job.Clean)}, deleted, "ObjectGone"},
		{"clean, promote looks for it", "tag", job.Job{Scan: scan(job.Clean), Policy: all}, deleted, ""},
		{"clean, promote has looked", "promote", job.Job{Scan: scan(job.Clean), Policy: all}, deleted, "ObjectGone"},
		{"infected, quarantine looks for it", "fetch", job.Job{Scan: scan(job.Infected)}, deleted, ""},
		{"infected, quarantine has looked", "quarantine", job.Job{Scan: scan(job.Infected)}, overwritten, "ObjectChanged"},
		{"unscannable, quarantine looks for it", "tag", job.Job{Scan: scan(job.Unscannable), Policy: all}, deleted, ""},
		{"unscannable, stays", "tag", job.Job{Scan: scan(job.Unscannable)}, deleted, "ObjectGone"},
		{"unscannable, too large to move", "tag", job.Job{Scan: scan(job.Unscannable), Policy: all, Object: job.Object{Size: 5<<30 + 1}}, deleted, "ObjectGone"},
		{"another error", "fetch", job.Job{}, job.ErrTransient, ""},
		{"an error without a name", "fetch", job.Job{}, errors.New("x"), ""},
		{"no error", "fetch", job.Job{}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := countGone(metric.New(&out, "lazaret"), tt.state, tt.job, tt.err); err != nil {
				t.Fatal(err)
			}
			if tt.want == "" && out.Len() > 0 || !strings.Contains(out.String(), tt.want) || strings.Count(out.String(), "\n") > 1 {
				t.Errorf("wrote %q, want cause %q", out.String(), tt.want)
			}
		})
	}
}
