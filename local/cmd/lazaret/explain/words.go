package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// decide says which case the object is.
func (f *found) decide() Case {
	prefix := f.parameters["KeyPrefix"]
	watched := f.bucket == uploads || f.bucket == existing
	switch {
	case f.version == nil && f.copy != nil && f.copy.Bucket == f.explainer.stack.Bucket("clean"):
		return Promoted
	case f.version == nil && f.copy != nil:
		return Quarantined
	case f.version == nil && f.marker:
		return DeleteMarker
	case f.version == nil && f.object.VersionID == "":
		return NotThere
	case f.version == nil:
		return Deleted
	case f.bucket == quarantine:
		return Quarantined
	case f.bucket == cleanBucket && (f.verdict == nil || f.verdict.Status == job.Clean):
		return Promoted
	}
	running, superseded, failed := false, false, false
	if len(f.executions) > 0 {
		newest := f.executions[0]
		running, failed = newest.Status == history.Running, newest.Status != history.Succeeded
		superseded = len(newest.States) > 0 && newest.States[len(newest.States)-1].Name == "Superseded"
	}
	switch {
	case f.verdict == nil && running:
		return Running
	case f.verdict == nil && len(f.letters) > 0:
		return DeadLetter
	case f.verdict == nil && failed:
		return Failed
	case f.verdict == nil && !watched:
		return NotWatched
	case f.verdict == nil && !strings.HasPrefix(f.object.Key, prefix):
		return OutsidePrefix
	case f.verdict == nil && f.waiting > 0:
		return Waiting
	case f.verdict == nil:
		return NeverStarted
	case f.verdict.Status == job.Infected:
		return Infected
	case f.verdict.Status == job.Unscannable:
		return Unscannable
	case superseded:
		return Superseded
	}
	return Clean
}

// words returns a case in words, and what to do.
func (f *found) words(c Case) (says string, do []string) {
	e, address := f.explainer, f.object.String()
	others := ""
	if f.others > 0 {
		others = fmt.Sprintf("; the key has %d other versions", f.others)
	}
	switch c {
	case NotWatched:
		return "The stack does not watch this bucket: nothing scans what is uploaded to it.",
			[]string{
				e.command("scan %s", address),
				"to watch it: the parameter ExistingBuckets, docs/deploy.md#buckets-that-are-there-already",
			}
	case OutsidePrefix:
		return fmt.Sprintf("The key does not begin with KeyPrefix (%s): nothing scans it, and the read gate does not "+
			"guard it.",
			terminal.Quote(f.parameters["KeyPrefix"])), []string{e.command("scan %s", address)}
	case NotThere:
		says = fmt.Sprintf("S3 has no object of this key. It was never uploaded, or it was deleted, or it was moved more "+
			"than %g hours ago%s.", e.since.Hours(), others)
		return says, []string{
			"name the version (?versionId=, which S3 answered to the upload): a version that was moved is found by it",
			"or look further back: " + e.command("explain --since 720h %s", address),
		}
	case Deleted:
		return "This version was permanently deleted, and was not moved by Lazaret" + others + ".", nil
	case DeleteMarker:
		if f.newest == "" {
			return "A delete marker is all that is left of the key.", nil
		}
		newest := f.object
		newest.VersionID = f.newest
		return fmt.Sprintf("A delete marker hides the key: whoever reads it without a version id is told that it is "+
			"not there%s.",
			others), []string{e.command("explain %s", newest.String())}
	case Waiting:
		return fmt.Sprintf("It has no verdict yet: no execution has started for it. %d messages are in the queues, "+
			"and it may be one of them.",
			f.waiting), []string{e.command("status"), e.command("wait %s", address)}
	case NeverStarted:
		return "It has no verdict, and nothing is under way: no execution, no dead letter, and the queues are empty. " +
				"Its event was lost, or it was uploaded before the stack watched the bucket.",
			[]string{e.command("scan %s", address), e.command("reconcile s3://%s/", f.object.Bucket) + " finds others like it"}
	case Running:
		return "Its scan runs now" + f.lastError() + ".", []string{e.command("wait %s", address)}
	case DeadLetter:
		return f.deadLetterWords()
	case Failed:
		return fmt.Sprintf("Its last execution ended with %s, and no dead letter of it is in the queue: somebody has "+
				"discarded it, "+
				"or is sending it back, or it has expired.", cmp.Or(f.executions[0].Error, string(f.executions[0].Status))),
			[]string{e.command("scan %s", address)}
	}
	return f.verdictWords(c)
}

// verdictWords returns a case with a verdict in words, and what to do.
func (f *found) verdictWords(c Case) (says string, do []string) {
	e, address := f.explainer, f.object.String()
	detail := ""
	if f.verdict != nil {
		detail = terminal.Quote(f.verdict.Detail)
	}
	switch c {
	case Unscannable:
		return "Nobody can say whether it is clean: " + cmp.Or(reasons[job.Reason(detail)], detail) + ".",
			[]string{"ask for the file in another form: docs/operations.md#unscannable-objects"}
	case Infected:
		do = []string{e.command("dead-letters list --match %s", f.executionName())}
		if f.bucket != cleanBucket { // where scan takes no object
			do = append(do, e.command("scan %s", address))
		}
		return "It is infected (" + detail + "), and still here: it is about to be moved, its move has failed, or " +
			"Object Lock keeps it.", do
	case Quarantined:
		if f.bucket == quarantine {
			more, do := f.releaseWords(address)
			return "This is the copy of an object that Lazaret has moved to quarantine." + more, do
		}
		more, do := f.releaseWords(job.Object{Bucket: f.copy.Bucket, Key: f.copy.Key, VersionID: f.copy.VersionID}.String())
		return "It was moved to quarantine: " + strings.TrimSpace(f.status()+" "+detail) + "." + more, do
	case Promoted:
		if f.bucket == cleanBucket {
			return "This is the copy of an object that was CLEAN.", nil
		}
		return "It is clean, and was moved to the clean bucket: readers read it there.", nil
	case Superseded:
		return "It is clean, and stays here: a newer version of the key is in the clean bucket.", nil
	}
	return "It is clean.", []string{
		"if somebody cannot read it, Lazaret does not refuse that: look at IAM, KMS and other policies",
	}
}

// status returns the verdict, or "" without one.
func (f *found) status() string {
	if f.verdict == nil {
		return ""
	}
	return string(f.verdict.Status)
}

// lastError returns the last error of the newest execution, as a part of a sentence.
func (f *found) lastError() string {
	for _, s := range slices.Backward(f.executions[0].States) {
		if s.Error != "" {
			return fmt.Sprintf(", and %s is tried again after %s", s.Name, terminal.Quote(s.Error))
		}
	}
	return ""
}

func (f *found) executionName() string {
	if len(f.executions) == 0 {
		return f.object.QuarantineKey()
	}
	return history.Name(f.executions[0].ARN)
}

// deadLetterWords says which error ended the scan, and how to go on.
func (f *found) deadLetterWords() (says string, do []string) {
	l := f.letters[0]
	says = "Its scan has failed for good, and is among the dead letters: " + terminal.Quote(l.Error)
	if l.Cause != "" {
		says += ": " + terminal.Quote(terminal.Shorten(l.Cause, 300))
	}
	match := l.MessageID
	do = []string{"remove the cause: docs/operations.md#errors has a line for " + terminal.Quote(l.Error)}
	if l.Execution != "" {
		match = history.Name(l.Execution)
		do = append(do, f.explainer.command("redrive --match %s", match))
	} else {
		do = append(do, f.explainer.command("redrive --match %s", job.Quote(f.object.Key)))
	}
	if l.Error == redrive.NotUnderstood {
		do = do[:1]
	}
	return says + ".", append(do, f.explainer.command("dead-letters show %s", match))
}

// reasons are the reasons of UNSCANNABLE in words.
var reasons = map[job.Reason]string{
	job.TooLarge:           "it is larger than what an engine can scan (too-large)",
	job.Unreadable:         "it is encrypted with a customer's key, or in an archive storage class (unreadable)",
	job.Encrypted:          "it, or a part of it, is encrypted with a password (encrypted)",
	job.LimitSize:          "what is packed in it is larger than the limit (limit-size)",
	job.LimitFiles:         "too many files are packed in it (limit-files)",
	job.LimitRecursion:     "archives are packed in archives too deeply (limit-recursion)",
	job.LimitTime:          "its scan takes longer than the limit (limit-time)",
	job.EngineCrash:        "it makes the engine crash (engine-crash)",
	job.UnsupportedArchive: "it is an archive of a kind that nobody here can open (unsupported-archive)",
	job.Damaged:            "it is damaged, and cannot be read to its end (damaged)",
}
