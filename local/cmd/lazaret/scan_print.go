package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/rescan"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// printEvent prints one line about a running execution.
func printEvent(w io.Writer, e rescan.Event) {
	text := "  tried again"
	switch {
	case e.Execution != "":
		if e.Follows {
			fmt.Fprintln(w, "it ended without a verdict, and another execution follows:")
		}
		fmt.Fprintln(w, e.Execution)
		return
	case e.State != "":
		text = e.State
	case e.Error != "":
		text = fmt.Sprintf("  %s: %s", terminal.Quote(e.Error), terminal.Quote(terminal.Shorten(e.Cause, 200)))
	}
	fmt.Fprintf(w, "%9.3f s  %s\n", e.After.Seconds(), text)
}

// printLate prints why the execution has not started, as far as the command can find out.
func printLate(w io.Writer, e rescan.Event, reasons []string) {
	fmt.Fprintf(w, "nothing has started the execution for %.0f s:\n", e.Late.Seconds())
	for _, reason := range reasons {
		fmt.Fprintln(w, "  "+terminal.Quote(reason))
	}
	if e.Hidden != nil {
		fmt.Fprintln(w, "  an execution that has started may be hidden from you: "+terminal.Quote(e.Hidden.Error()))
	}
	fmt.Fprintln(w, "still waiting; if you stop this command, the request stays in the queue")
}

// printEnd prints how a scan ended. Its error is the reason why there is no verdict.
func printEnd(w io.Writer, stack deployment.Stack, o job.Object, end rescan.End) (job.Verdict, error) {
	scan := end.Job.Scan
	if v := end.Verdict(); v != "" {
		fmt.Fprintf(w, "%s\n%s\n", terminal.Quote(scan.Outcome()), location(o, end))
		return v, nil
	}
	if scan.Known() {
		fmt.Fprintf(w, "found: %s\n", terminal.Quote(scan.Outcome()))
	}
	switch {
	case end.IsDeadLetter():
		reason := terminal.Quote(cmp.Or(end.Error, string(end.Status)))
		if end.Cause != "" {
			reason += ": " + terminal.Quote(terminal.Shorten(end.Cause, 300))
		}
		return "", fmt.Errorf("no verdict: %s; the job is among the dead letters of %s (lazaret redrive)",
			reason, stack.Name)
	case end.Status == history.Unknown:
		return "", fmt.Errorf("no verdict: CloudWatch has lost the end of the execution, whose last known state is %s; "+
			"the object's tags have its verdict", end.State)
	case end.State == "Gone":
		return "", errors.New("no verdict: the object was deleted or overwritten before the scan ended")
	}
	return "", fmt.Errorf("no verdict: the execution ended in the state %s with the status %s", end.State, end.Status)
}

// location says where the object is now.
func location(o job.Object, end rescan.End) string {
	original := o.String()
	moved := end.Job.Copy
	switch {
	case end.State == "Superseded":
		return "still " + original + ": a newer version is in the clean bucket"
	case moved == nil && isGone(end.Job.Error):
		return "gone: it was deleted or overwritten before the scan ended"
	case moved == nil:
		return "still " + original
	case moved.SourceLocked:
		return "copied to " + moved.String() + "; Object Lock keeps " + original
	}
	return "moved to " + moved.String()
}

// isGone reports whether the last error of a job says that the object is gone. A job keeps the error of a state to
// which the state machine has returned, too.
func isGone(f *job.Failure) bool {
	return f != nil && (f.Error == job.Name(job.ErrObjectGone) || f.Error == job.Name(job.ErrObjectChanged))
}
