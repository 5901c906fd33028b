package main

import (
	"context"
	"io"

	"github.com/lazaret/lazaret/cmd/lazaret/redrive"
	"github.com/lazaret/lazaret/cmd/lazaret/rescan"
	"github.com/lazaret/lazaret/internal/job"
)

// letterJSON is a dead letter as redrive --output json tells it. Objects are
// addresses that scan takes, without the quotes of a shell.
type letterJSON struct {
	MessageID string   `json:"messageId"`
	Error     string   `json:"error"`
	Cause     string   `json:"cause,omitempty"`
	Execution string   `json:"execution,omitempty"` // ARN
	Objects   []string `json:"objects"`
	Reason    string   `json:"reason,omitempty"` // why it was not redriven
}

func asLetter(l redrive.Letter, reason string) letterJSON {
	addresses := make([]string, len(l.Objects))
	for i, o := range l.Objects {
		addresses[i] = o.Address()
	}
	return letterJSON{l.MessageID, l.Error, l.Cause, l.Execution, addresses, reason}
}

// redriveJSON is what redrive --output json prints: the letters that are there,
// or that would be redriven, or those that were not redriven though they should.
type redriveJSON struct {
	Letters  []letterJSON `json:"letters"`
	Seen     int          `json:"seen"`
	Redriven int          `json:"redriven"`
	InBoth   int          `json:"inBothQueues"`
	Newer    int          `json:"newer"`
	Again    int          `json:"failedAgain"`
	Busy     int          `json:"hiddenByOthers"`
	Hidden   int          `json:"hidden"`
	More     bool         `json:"more"` // a second run sees the rest
}

// asJSON lists, or redrives, and prints one JSON value.
func (c *redriveCall) asJSON(ctx context.Context, stdout io.Writer, r *redrive.Redriver) error {
	out := redriveJSON{Letters: []letterJSON{}}
	var result redrive.Result
	var err error
	if c.dry || !c.chooses() {
		result, err = r.List(ctx, c.limit, func(l redrive.Letter) bool {
			if c.chooses() && !c.choose(l) {
				return false
			}
			out.Letters = append(out.Letters, asLetter(l, ""))
			return true
		})
	} else {
		result, err = r.Redrive(ctx, c.limit, c.choose, func(redrive.Result) {})
		for _, f := range result.Failures {
			out.Letters = append(out.Letters, asLetter(f.Letter, f.Reason))
		}
		err = left(ctx, result, err)
	}
	out.Seen, out.Redriven, out.InBoth, out.Newer, out.Again = result.Seen, result.Redriven, result.Both, result.Newer, result.Again
	out.Busy, out.Hidden, out.More = result.Busy, result.Hidden, result.More
	if wrong := printJSON(stdout, out); wrong != nil {
		return wrong
	}
	return err
}

// scanJSON is what scan --output json prints at the end.
type scanJSON struct {
	Object    string      `json:"object"` // address
	Execution string      `json:"execution"`
	State     string      `json:"state"`            // the last one
	Verdict   job.Verdict `json:"verdict"`          // empty when there is none
	Copy      string      `json:"copy,omitempty"`   // address of what was moved
	Scan      *job.Scan   `json:"scan,omitempty"`   // what was found, also where there is no verdict
	Reason    string      `json:"reason,omitempty"` // why there is none
}

func scanned(o job.Object, execution string, end rescan.End, verdict job.Verdict, why error) scanJSON {
	out := scanJSON{Object: o.Address(), Execution: execution, State: end.State, Verdict: verdict, Scan: end.Job.Scan}
	if c := end.Job.Copy; c != nil {
		out.Copy = job.Object{Bucket: c.Bucket, Key: c.Key, VersionID: c.VersionID}.Address()
	}
	if why != nil {
		out.Reason = why.Error()
	}
	return out
}
