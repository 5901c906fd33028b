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
		want        string // value of the dimension Cause, "" if nothing is counted
	}{
		{name: "no verdict, quarantine looks for it", state: "fetch", job: job.Job{Policy: all}, err: deleted},
		{name: "no verdict, quarantine has looked", state: "quarantine", err: deleted, want: "ObjectGone"},
		{name: "overwritten, quarantine has looked", state: "quarantine", err: overwritten, want: "ObjectChanged"},
		{name: "clean, stays", state: "tag", job: job.Job{Scan: scan(job.Clean)}, err: deleted, want: "ObjectGone"},
		{name: "clean, promote looks for it", state: "tag", job: job.Job{Scan: scan(job.Clean), Policy: all}, err: deleted},
		{
			name:  "clean, promote has looked",
			state: "promote",
			job:   job.Job{Scan: scan(job.Clean), Policy: all},
			err:   deleted,
			want:  "ObjectGone",
		},
		{name: "infected, quarantine looks for it", state: "fetch", job: job.Job{Scan: scan(job.Infected)}, err: deleted},
		{
			name:  "infected, quarantine has looked",
			state: "quarantine",
			job:   job.Job{Scan: scan(job.Infected)},
			err:   overwritten,
			want:  "ObjectChanged",
		},
		{
			name:  "unscannable, quarantine looks for it",
			state: "tag",
			job:   job.Job{Scan: scan(job.Unscannable), Policy: all},
			err:   deleted,
		},
		{
			name:  "unscannable, stays",
			state: "tag",
			job:   job.Job{Scan: scan(job.Unscannable)},
			err:   deleted,
			want:  "ObjectGone",
		},
		{
			name:  "unscannable, too large to move",
			state: "tag",
			job:   job.Job{Scan: scan(job.Unscannable), Policy: all, Object: job.Object{Size: 5<<30 + 1}},
			err:   deleted,
			want:  "ObjectGone",
		},
		{name: "another error", state: "fetch", job: job.Job{}, err: job.ErrTransient},
		{name: "an error without a name", state: "fetch", job: job.Job{}, err: errors.New("x")},
		{name: "no error", state: "fetch", job: job.Job{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := countGone(metric.New(&out, "lazaret"), tt.state, tt.job, tt.err); err != nil {
				t.Fatal(err)
			}
			if tt.want == "" && out.Len() > 0 || !strings.Contains(out.String(), tt.want) ||
				strings.Count(out.String(), "\n") > 1 {
				t.Errorf("wrote %q, want cause %q", out.String(), tt.want)
			}
		})
	}
}
