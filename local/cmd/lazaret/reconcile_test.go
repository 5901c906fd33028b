package main

import (
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sweeps"
)

// TestReconcilePrint checks that the page claims no more than was looked at, and that its commands can be pasted.
func TestReconcilePrint(t *testing.T) {
	t.Parallel()
	lost := func(bucket string) sweeps.Version {
		return sweeps.Version{Object: job.Object{Bucket: bucket, Key: "in/a"}, State: sweeps.NeverStarted}
	}
	tests := []struct {
		name       string
		summary    sweep.Summary
		found      []sweeps.Version
		want       []string
		unexpected string
	}{
		{
			name: "all have a verdict", summary: summaryOf("held", "in/", 2),
			want: []string{"2 versions older than 15m0s in s3://held/in/ looked at", "each has a verdict"},
		},
		{
			name: "none is old enough", summary: summaryOf("", "", 0),
			want: []string{
				"0 versions older than 15m0s in all buckets of lazaret looked at",
				"nothing is proved: there is no version, or all are younger (--older-than 0s looks at those too)",
			},
			unexpected: "each has a verdict",
		},
		{
			name: "lost below a prefix", summary: summaryOf("held", "in/", 2), found: []sweeps.Version{lost("held")},
			want: []string{
				"never started: 1\n  their events were lost: lazaret backfill s3://held/in/ --versions --stack-name lazaret\n",
			},
			unexpected: "each has a verdict",
		},
		{
			name: "lost in two buckets", summary: summaryOf("", "", 3),
			found: []sweeps.Version{lost("two"), lost("one"), lost("two")},
			want: []string{
				"never started: 3\n  their events were lost:\n" +
					"    lazaret backfill s3://one/ --versions --stack-name lazaret\n" +
					"    lazaret backfill s3://two/ --versions --stack-name lazaret\n",
			},
			unexpected: "s3://bucket",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := reconciled{Summary: test.summary, byState: map[sweeps.State][]sweeps.Version{}}
			for _, v := range test.found {
				r.add(v)
			}
			var page strings.Builder
			if err := r.print(&page, deployment.Stack{Name: "lazaret"}); err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				if !strings.Contains(page.String(), want) {
					t.Errorf("got the page\n%s\nwant %q in it", &page, want)
				}
			}
			if test.unexpected != "" && strings.Contains(page.String(), test.unexpected) {
				t.Errorf("got the page\n%s\nwant no %q in it", &page, test.unexpected)
			}
		})
	}
}

// summaryOf returns what a sweep has looked at.
func summaryOf(bucket, prefix string, considered int64) sweep.Summary {
	return sweep.Summary{
		Request: sweep.Request{Bucket: bucket, Prefix: prefix, OlderThan: "15m0s"},
		Counts:  sweep.Counts{Considered: considered},
	}
}
