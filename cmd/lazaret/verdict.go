package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/cmd/lazaret/rescan"
	"github.com/lazaret/lazaret/cmd/lazaret/stack"
	"github.com/lazaret/lazaret/internal/job"
)

// tellEvent writes one line about an execution under way.
func tellEvent(w io.Writer, e rescan.Event) {
	text := "  tried again"
	switch {
	case e.State != "":
		text = e.State
	case e.Error != "":
		text = fmt.Sprintf("  %s: %s", printable(e.Error), short(e.Cause, 200))
	}
	fmt.Fprintf(w, "%9.3f s  %s\n", e.After.Seconds(), text)
}

// tellLate writes why there is no execution yet, as far as that can be seen.
func tellLate(w io.Writer, after time.Duration, why []string) {
	fmt.Fprintf(w, "nothing has started the execution for %.0f s:\n", after.Seconds())
	for _, line := range why {
		fmt.Fprintln(w, "  "+printable(line))
	}
	fmt.Fprintln(w, "still waiting; the request stays in the queue when this is stopped")
}

// concluded writes how a scan ended. Without a verdict there is an error.
func concluded(w io.Writer, s stack.Stack, o job.Object, end rescan.End) (job.Verdict, error) {
	if v := end.Verdict(); v != "" {
		fmt.Fprintf(w, "%s\n%s\n", printable(end.Job.Scan.Outcome()), whereabouts(o, end))
		return v, nil
	}
	if end.Job.Scan.Known() {
		fmt.Fprintf(w, "found: %s\n", printable(end.Job.Scan.Outcome()))
	}
	switch {
	case end.DeadLetter():
		why := printable(cmp.Or(end.Error, string(end.Status)))
		if end.Cause != "" {
			why += ": " + short(end.Cause, 300)
		}
		return "", fmt.Errorf("no verdict: %s; the job is among the dead letters of %s (lazaret redrive)", why, s.Name)
	case end.State == "Gone":
		return "", errors.New("no verdict: the object was deleted or overwritten under way")
	}
	return "", fmt.Errorf("no verdict: the execution ended in %s, %s", end.State, cmp.Or(end.Status, types.ExecutionStatusRunning))
}

// whereabouts is where the object is now.
func whereabouts(o job.Object, end rescan.End) string {
	original := o.String()
	c := end.Job.Copy
	switch {
	case end.State == "Superseded":
		return "still " + original + ": a newer version is in the clean bucket"
	case c == nil && vanished(end.Job.Error):
		return "gone: it was deleted or overwritten under way"
	case c == nil:
		return "still " + original
	}
	moved := c.String()
	if c.SourceLocked {
		return "copied to " + moved + "; Object Lock keeps " + original
	}
	return "moved to " + moved
}

// vanished reports whether the last thing caught was that the object is gone.
// Other errors stay in a job, too: those of a state that was gone back to.
func vanished(f *job.Failure) bool {
	return f != nil && (f.Error == job.Name(job.ErrObjectGone) || f.Error == job.Name(job.ErrObjectChanged))
}
