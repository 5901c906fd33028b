package main

import (
	"encoding/json"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
	"github.com/lazaret/lazaret/local/cmd/lazaret/rescan"
	"github.com/lazaret/lazaret/local/cmd/lazaret/wait"
)

// redriveJSON is the output of redrive --output json. Letters are the dead letters of a listing or a dry run, or those
// that could not be redriven.
type redriveJSON struct {
	Letters        []letterJSON `json:"letters"`
	Seen           int          `json:"seen"`
	Redriven       int          `json:"redriven"`
	InBoth         int          `json:"inBothQueues"`
	Newer          int          `json:"newer"`
	FailedAgain    int          `json:"failedAgain"`
	HiddenByOthers int          `json:"hiddenByOthers"`
	StillHidden    int          `json:"hidden"`
	More           bool         `json:"more"` // a second run finds the rest
}

// letterJSON is a dead letter in redriveJSON. Objects are addresses that scan accepts, not quoted for a shell.
type letterJSON struct {
	MessageID string   `json:"messageId"`
	Error     string   `json:"error"`
	Cause     string   `json:"cause,omitempty"`
	Execution string   `json:"execution,omitempty"` // ARN
	Objects   []string `json:"objects"`
	Reason    string   `json:"reason,omitempty"` // why it was not redriven

	Sent    *time.Time `json:"sent,omitempty"`    // when it became a dead letter, or was sent to the queue it came from
	Expires *time.Time `json:"expires,omitempty"` // when SQS deletes it
}

func newRedriveJSON(letters []letterJSON, r redrive.Result) redriveJSON {
	if letters == nil {
		letters = []letterJSON{} // [], not null
	}
	return redriveJSON{
		Letters: letters, Seen: r.Seen, Redriven: r.Redriven, InBoth: r.InBoth, Newer: r.Newer,
		FailedAgain: r.FailedAgain, HiddenByOthers: r.HiddenByOthers, StillHidden: r.StillHidden, More: r.More,
	}
}

func newLetterJSON(l redrive.Letter, reason string) letterJSON {
	addresses := make([]string, len(l.Objects))
	for i, o := range l.Objects {
		addresses[i] = o.Address()
	}
	return letterJSON{
		MessageID: l.MessageID, Error: l.Error, Cause: l.Cause, Execution: l.Execution,
		Objects: addresses, Reason: reason, Sent: known(l.Sent), Expires: known(l.Expires()),
	}
}

// known returns nil for the zero time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// wholeLetterJSON is a dead letter as dead-letters show prints it.
type wholeLetterJSON struct {
	letterJSON
	Attempt    int               `json:"attempt,omitempty"`    // that a redrive starts
	Attributes map[string]string `json:"attributes,omitempty"` // of the message
	Body       any               `json:"body"`                 // the JSON of the message, or its text if it is none
}

// discardedJSON is a dead letter that dead-letters discard has removed. Its body is the text of the message, as it can
// be sent again.
type discardedJSON struct {
	wholeLetterJSON
	Body   string `json:"body"`
	Reason string `json:"discarded"` // why
}

// discardJSON is the output of dead-letters discard --output json.
type discardJSON struct {
	Letters    []discardedJSON `json:"letters"`
	Removed    int             `json:"removed"`
	NotRemoved int             `json:"notRemoved"`
}

func newWholeLetterJSON(l redrive.Letter) wholeLetterJSON {
	w := wholeLetterJSON{letterJSON: newLetterJSON(l, ""), Attempt: l.Attempt, Attributes: l.Attributes, Body: l.Body}
	if json.Valid([]byte(l.Body)) {
		w.Body = json.RawMessage(l.Body)
	}
	return w
}

func newDiscardedJSON(l redrive.Letter, reason string) discardedJSON {
	return discardedJSON{wholeLetterJSON: newWholeLetterJSON(l), Body: l.Body, Reason: reason}
}

// scanJSON is the output of scan --output json.
type scanJSON struct {
	Object    string      `json:"object"`           // address
	Execution string      `json:"execution"`        // ARN of the last one
	State     string      `json:"state"`            // the last one
	Verdict   job.Verdict `json:"verdict"`          // empty without a verdict
	Copy      string      `json:"copy,omitempty"`   // address of the copy of a moved object
	Scan      *job.Scan   `json:"scan,omitempty"`   // what the engine found, also without a verdict
	Reason    string      `json:"reason,omitempty"` // why there is no verdict
}

func newScanJSON(o job.Object, end rescan.End, verdict job.Verdict, noVerdict error) scanJSON {
	out := scanJSON{
		Object: o.Address(), Execution: end.Execution, State: end.State, Verdict: verdict, Scan: end.Job.Scan,
	}
	if c := end.Job.Copy; c != nil {
		out.Copy = job.Object{Bucket: c.Bucket, Key: c.Key, VersionID: c.VersionID}.Address()
	}
	if noVerdict != nil {
		out.Reason = noVerdict.Error()
	}
	return out
}

// waitJSON is the output of wait --output json.
type waitJSON struct {
	Object      string      `json:"object"`                // address, with the version
	Verdict     job.Verdict `json:"verdict"`               // empty without a verdict
	Detail      string      `json:"detail,omitempty"`      // the signature or the reason
	Time        string      `json:"time,omitempty"`        // of the scan
	Definitions string      `json:"definitions,omitempty"` // version of the daily set
	Copy        string      `json:"copy,omitempty"`        // address of the copy of a moved object
	Polls       int         `json:"polls"`
	Reason      string      `json:"reason,omitempty"` // why there is no verdict
}

func newWaitJSON(r wait.Result, noVerdict error) waitJSON {
	out := waitJSON{
		Object: r.Object.Address(), Verdict: r.Verdict, Detail: r.Detail, Time: r.Time, Definitions: r.Definitions,
		Polls: r.Polls,
	}
	if c := r.Copy; c != nil {
		out.Copy = job.Object{Bucket: c.Bucket, Key: c.Key, VersionID: c.VersionID}.Address()
	}
	if noVerdict != nil {
		out.Reason = noVerdict.Error()
	}
	return out
}
