package demo

import (
	"fmt"
	"slices"
	"time"

	"github.com/lazaret/lazaret/internal/job"
)

// picture shows the way of a file through the application.
func (d *demo) picture(samples int) {
	clean := "may be downloaded"
	if d.bucket("clean") != "" {
		clean = "moves to clean"
	}
	fmt.Fprintf(d.w, `
%d files go to the bucket %s:

  upload ─> queue ─> Fetch ─> Scan ─> Tag ─┬─ CLEAN        %s
                             ClamAV        ├─ INFECTED     moves to quarantine
                                           ├─ UNSCANNABLE  stays, and is refused
                                           └─ no verdict   stays, and is refused

`, samples, d.bucket("uploads"), clean)
}

// summary says in plain words what happened to the samples.
func (d *demo) summary(results []result) {
	counts := map[job.Verdict]int{}
	var times []time.Duration
	for _, r := range results {
		counts[r.outcome().Verdict]++
		times = append(times, r.elapsed)
	}
	slices.Sort(times)
	fmt.Fprintf(d.w, `
All of it is as it must be.
  %2d clean files can be downloaded.
  %2d infected files are in quarantine, where their uploader cannot read them.
  %2d files could not be looked into to their end (encrypted, or made to overload
     a scanner). Nobody can download them; they are not called clean.
  %2d file got no verdict, because its owner left no room for the tag. Nobody can
     download it, and it waits in a queue until an operator sends it again.
  Half of the verdicts were there within %d ms of the upload.
`, counts[job.Clean], counts[job.Infected], counts[job.Unscannable], counts[""], times[len(times)/2].Milliseconds())
}

// Next lists the commands to try after the demo.
const Next = `
Next
  make run                    keep this stack up, and upload files of your own
  bin/lazaret --help          what an operator does
  docs/operations.md          what to do when something goes wrong
  docs/deploy.md              deploy it to AWS
`
