package explain

import (
	"context"
	"errors"
	"time"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// readRelease asks the function release what it would do with the copy in quarantine, which changes nothing: whether
// the copy was put back already, or cannot be.
func (f *found) readRelease(ctx context.Context) {
	copied := f.quarantined()
	if copied == nil {
		return
	}
	var answer decision.Answer
	err := deployment.Invoke(ctx, f.explainer.clients.Lambda, f.explainer.stack.Function("release"), decision.Request{
		Action: decision.ActionRelease, Bucket: copied.Bucket, Key: copied.Key, VersionID: copied.VersionID,
		By: "lazaret explain", Reason: "asks what would be released", DryRun: true,
	}, &answer)
	refused, isRefused := errors.AsType[deployment.FunctionError](err)
	switch {
	case isRefused:
		f.refused = refused.Error()
	case err != nil:
		f.unknown("whether the copy in quarantine was released (lambda:InvokeFunction): %v", err)
	case answer.Done:
		f.released = answer.Record
	}
}

// quarantined returns the copy of the version in quarantine, nil if there is none.
func (f *found) quarantined() *job.Object {
	switch {
	case f.bucket == quarantine && f.version != nil:
		return &f.object
	case f.version == nil && f.copy != nil && f.copy.Bucket == f.explainer.stack.Bucket("quarantine"):
		return &job.Object{Bucket: f.copy.Bucket, Key: f.copy.Key, VersionID: f.copy.VersionID}
	}
	return nil
}

// releaseWords says how a copy in quarantine is put back, or that it was, and where the object is.
func (f *found) releaseWords(copied string) (says string, do []string) {
	e := f.explainer
	switch r := f.released; {
	case r != nil:
		back := r.Object
		if o, err := job.ParseAddress(r.Object); err == nil {
			back = o.String()
		}
		return " It was released on " + r.Time.UTC().Format(time.DateTime) + " UTC by " + terminal.Quote(r.By) + ": " +
				terminal.Quote(r.Reason) + ". The object is " + back + " now.",
			[]string{e.command("explain %s", back)}
	case f.refused != "":
		return "", []string{"it cannot be released: " + f.refused}
	}
	return "", []string{"if it is a false positive: " + e.command("release %s --reason TEXT", copied)}
}
