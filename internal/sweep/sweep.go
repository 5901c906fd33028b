// Package sweep is the wire format of sweeps: what the operator's commands and a schedule ask the state
// machine <stack>-sweep for, what travels between its states, and what it writes below sweeps/ in the
// bucket of records. Function sweep does the work, and statemachine/sweep.asl.json sequences it.
package sweep

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// Question says which versions match.
type Question string

// The questions.
const (
	Unjudged Question = "unjudged" // those without a verdict
	Stale    Question = "stale"    // those judged under definitions older than Request.Definitions
	All      Question = "all"      // every one
)

// Purpose says why a sweep runs. It is part of what people read, and changes nothing but that. Retro alone is more:
// such a sweep goes through Windows and has a budget.
type Purpose string

// The purposes.
const (
	Backfill  Purpose = "backfill"
	Reconcile Purpose = "reconcile"
	Rescan    Purpose = "rescan"
	Retro     Purpose = "retro" // scans again what older definitions called CLEAN
)

// Request is the input of an execution of the state machine.
type Request struct {
	Bucket      string   `json:"bucket,omitempty"` // empty: the uploads bucket and every existing bucket
	Prefix      string   `json:"prefix,omitempty"`
	Question    Question `json:"question"`
	Definitions int      `json:"definitions,omitempty"` // for Stale: the oldest daily version that is not stale
	OlderThan   string   `json:"olderThan,omitempty"`   // a Go duration; younger versions are left out
	Versions    bool     `json:"versions,omitempty"`    // every version, not only the current ones
	DryRun      bool     `json:"dryRun,omitempty"`      // only count: send nothing
	Purpose     Purpose  `json:"purpose"`

	// Verdict leaves out versions with another verdict; for Stale.
	Verdict job.Verdict `json:"verdict,omitempty"`
	// Since makes verdicts stale that are older, although they rest on the same daily version: other definitions than the
	// daily set, such as own signatures, have changed then. For Stale.
	Since time.Time `json:"since,omitzero"`
	// Budget is how many versions Retro sends at most, less those that wait in the queue of rescans.
	Budget int64 `json:"budget,omitempty"`
}

// ErrRequest is in every error of Check.
var ErrRequest = errors.New("cannot sweep")

// Check reports what is wrong with a request, and returns its age limit.
func (r Request) Check() (olderThan time.Duration, err error) {
	if err := r.checkPurpose(); err != nil {
		return 0, err
	}
	switch r.Question {
	case Unjudged, All:
		if r.Definitions != 0 || r.Verdict != "" || !r.Since.IsZero() {
			return 0, fmt.Errorf("%w: definitions %d, since and verdict %q belong to the question %s, not to %s",
				ErrRequest, r.Definitions, r.Verdict, Stale, r.Question)
		}
	case Stale:
		if r.Definitions <= 0 && r.Purpose != Retro {
			return 0, fmt.Errorf("%w: the question %s needs definitions, the version of a daily set", ErrRequest, Stale)
		}
	default:
		return 0, fmt.Errorf("%w: question %q, want %s, %s or %s", ErrRequest, r.Question, Unjudged, Stale, All)
	}
	if r.Bucket == "" && r.Prefix != "" {
		return 0, fmt.Errorf("%w: the prefix %q needs a bucket", ErrRequest, r.Prefix)
	}
	if r.OlderThan == "" {
		return 0, nil
	}
	if olderThan, err = time.ParseDuration(r.OlderThan); err != nil || olderThan < 0 {
		return 0, fmt.Errorf("%w: olderThan %q, want a duration such as 15m", ErrRequest, r.OlderThan)
	}
	return olderThan, nil
}

// checkPurpose reports what is wrong with the purpose, and with what belongs to one purpose only.
func (r Request) checkPurpose() error {
	switch r.Purpose {
	case Backfill, Reconcile, Rescan:
		if r.Budget != 0 {
			return fmt.Errorf("%w: a budget belongs to the purpose %s, not to %s", ErrRequest, Retro, r.Purpose)
		}
	case Retro:
		if r.Question != Stale || r.Definitions != 0 || r.OlderThan != "" {
			return fmt.Errorf("%w: the purpose %s needs the question %s, without definitions and olderThan",
				ErrRequest, Retro, Stale)
		}
		if r.Budget <= 0 {
			return fmt.Errorf("%w: the purpose %s needs a budget above 0, not %d", ErrRequest, Retro, r.Budget)
		}
	default:
		return fmt.Errorf("%w: purpose %q, want %s, %s, %s or %s", ErrRequest, r.Purpose, Backfill, Reconcile, Rescan, Retro)
	}
	return nil
}

// Marker is a place in S3's list of versions: behind this version. The zero Marker is the beginning.
type Marker struct {
	Key       string `json:"key,omitempty"`
	VersionID string `json:"versionId,omitempty"`
}

// Page is a part of a bucket's versions: those behind From, up to To and with it. Without To the page goes
// up to the end. It is an item of the Map state.
type Page struct {
	Number int     `json:"number"` // in its round, from 1
	Bucket string  `json:"bucket"`
	From   Marker  `json:"from"`
	To     *Marker `json:"to,omitempty"`
}

// Place is where the next round goes on.
type Place struct {
	Bucket int    `json:"bucket"` // index in State.Buckets
	After  Marker `json:"after"`
}

// File is an object in the bucket of records.
type File struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Count  int    `json:"count"` // of lines
}

// State travels between the states of the machine. A sweep has rounds: each lists a part of the versions,
// and judges it.
type State struct {
	Request Request   `json:"request"`
	Run     string    `json:"run"` // name of the execution
	Started time.Time `json:"started"`
	Before  time.Time `json:"before"`         // younger versions are left out
	After   time.Time `json:"after,omitzero"` // older versions, and those of this time, are left out
	Window  int       `json:"window"`         // of Windows, from 0; for Retro
	Left    int64     `json:"left"`           // of the budget; for Retro
	Buckets []string  `json:"buckets"`
	Round   int       `json:"round"`
	Next    Place     `json:"next"`
	Done    bool      `json:"done"`    // every version was listed, or the budget is spent
	Pages   File      `json:"pages"`   // of this round
	Results string    `json:"results"` // prefix of the Map state's results
	Map     *MapRun   `json:"map,omitempty"`
	Summary Summary   `json:"summary"`
}

// Includes reports whether the sweep is about a version that was written at a time, now.
func (s State) Includes(written time.Time) bool {
	return !written.After(s.Before) && (s.After.IsZero() || written.After(s.After))
}

// MapRun is what a Map state with a ResultWriter results in.
type MapRun struct {
	MapRunArn           string
	ResultWriterDetails struct{ Bucket, Key string }
}

// Counts are about versions. Bytes are those of the versions' sizes.
type Counts struct {
	Considered     int64     `json:"considered"`
	Matched        int64     `json:"matched"`
	MatchedBytes   int64     `json:"matchedBytes"`
	Sent           int64     `json:"sent"`     // to the queue of rescans
	Vanished       int64     `json:"vanished"` // deleted between the listing and the look at its tags
	Refused        int64     `json:"refused"`  // whose tags a policy does not let sweep read
	OldestUnjudged time.Time `json:"oldestUnjudged,omitzero"`
}

// Add adds other counts.
func (c *Counts) Add(o Counts) {
	c.Considered += o.Considered
	c.Matched += o.Matched
	c.MatchedBytes += o.MatchedBytes
	c.Sent += o.Sent
	c.Vanished += o.Vanished
	c.Refused += o.Refused
	if c.OldestUnjudged.IsZero() || !o.OldestUnjudged.IsZero() && o.OldestUnjudged.Before(c.OldestUnjudged) {
		c.OldestUnjudged = o.OldestUnjudged
	}
}

// Judged is the output of the judging of a page.
type Judged struct {
	Counts
	Page int `json:"page"` // its number
}

// Summary is the output of an execution.
type Summary struct {
	Request
	Counts
	Started     time.Time      `json:"started"`
	Ended       time.Time      `json:"ended,omitzero"`
	Pages       int            `json:"pages"`               // of versions that were judged
	FailedPages int            `json:"failedPages"`         // their versions are in none of the counts
	Failure     string         `json:"failure,omitempty"`   // of the first page that failed
	NotJudged   []Page         `json:"notJudged,omitempty"` // the first of those that failed; NotJudgedKey has all
	Stopped     bool           `json:"stopped,omitempty"`   // no page of a round could be judged: the rest was not listed
	Spent       bool           `json:"spent,omitempty"`     // the budget is spent; of Retro
	Queued      int64          `json:"queued,omitempty"`    // messages in the queue of rescans at the beginning; of Retro
	Windows     []WindowCounts `json:"windows,omitempty"`   // that were begun; of Retro
	Records     string         `json:"records"`             // address of what the sweep has written
}

// Complete reports whether every version was looked at.
func (s Summary) Complete() bool {
	return s.FailedPages == 0 && s.Refused == 0 && !s.Stopped && !s.Spent
}

// Found is a version that matched, or whose tags could not be read: a line of a file below ObjectsPrefix.
type Found struct {
	job.Object
	Verdict     job.Verdict `json:"verdict,omitempty"`
	Time        string      `json:"time,omitempty"`        // of the verdict, as its tag says
	Definitions string      `json:"definitions,omitempty"` // of the verdict, as its tag says
	Error       string      `json:"error,omitempty"`       // why its tags could not be read
}

// Earlier returns the verdict that a version has, nil without one.
func (f Found) Earlier() *job.Earlier {
	if f.Verdict == "" {
		return nil
	}
	return verdicttag.Earlier(map[string]string{
		verdicttag.Status: string(f.Verdict), verdicttag.Time: f.Time, verdicttag.Definitions: f.Definitions,
	})
}

// Folder is the prefix of all that a run writes.
func Folder(run string) string { return "sweeps/" + run + "/" }

// ObjectsPrefix is the prefix of the files that list a run's matches, as JSON lines of Found.
func ObjectsPrefix(run string) string { return Folder(run) + "objects/" }

// PagesKey is the key of the pages of a round, as JSON lines of Page.
func PagesKey(run string, round int) string {
	return fmt.Sprintf("%spages/%04d.jsonl", Folder(run), round)
}

// ObjectsKey is the key of what matched in a page.
func ObjectsKey(run string, round, page int) string {
	return fmt.Sprintf("%s%04d-%04d.jsonl", ObjectsPrefix(run), round, page)
}

// NotJudgedKey is the key of those pages of a round that could not be judged, as JSON lines of Page.
func NotJudgedKey(run string, round int) string {
	return fmt.Sprintf("%snot-judged/%04d.jsonl", Folder(run), round)
}

// RunOf returns the run of an execution with this ARN, which is its name.
func RunOf(execution string) string { return execution[strings.LastIndexByte(execution, ':')+1:] }
