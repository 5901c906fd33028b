package sweeps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/permit"
	"github.com/lazaret/lazaret/internal/sweep"
	"github.com/lazaret/lazaret/internal/verdicttag"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
)

// State says why a version has no verdict, or what is wrong with the one that it has.
type State string

// The states.
const (
	NeverStarted State = "never started"            // no queue holds anything, no execution runs, no letter names it
	Waiting      State = "waiting or never started" // a queue holds messages, of which one may name it
	Running      State = "running"
	DeadLetter   State = "dead letter"
	Unreadable   State = "tags not readable"
	RescanFailed State = "rescan failed" // it has a verdict, and a later scan became a dead letter
	ScannedSince State = "scanned meanwhile"
	GoneSince    State = "deleted meanwhile"
)

// States lists the states that prove a verdict missing, or a scan failed, in the order in which they are shown.
var States = []State{NeverStarted, Waiting, Running, DeadLetter, RescanFailed, Unreadable}

// Version is a version with its state.
type Version struct {
	job.Object
	State   State
	Detail  string      // for people: the error and cause of a dead letter, the execution that runs
	Verdict job.Verdict // of RescanFailed
	Time    string      // of that verdict, as its tag says
}

// Evidence is what Explain compares versions with. It is collected after the sweep, so that what was scanned meanwhile
// shows in the tags.
type Evidence struct {
	Waiting int // messages in the queues of uploads and rescans, received ones included

	letters map[string]redrive.Letter // by object
	running map[string]string         // names of executions by object
	client  tags
}

// tags is the operation by which Explain looks at a version again.
type tags interface {
	GetObjectTagging(
		context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options),
	) (*s3.GetObjectTaggingOutput, error)
}

// executions are the operations that Collect calls of Step Functions.
type executions interface {
	ListExecutions(
		context.Context, *sfn.ListExecutionsInput, ...func(*sfn.Options),
	) (*sfn.ListExecutionsOutput, error)
	DescribeExecution(
		context.Context, *sfn.DescribeExecutionInput, ...func(*sfn.Options),
	) (*sfn.DescribeExecutionOutput, error)
}

// letters lists dead letters: a *redrive.Redriver.
type letters interface {
	List(ctx context.Context, limit int, choose func(redrive.Letter) bool) (redrive.Result, error)
}

// Collect looks at the queues first and then at the executions and the dead letters: a message moves in this order, so
// that no version falls between two looks.
func Collect(
	ctx context.Context, stack deployment.Stack, queues permit.AttributesAPI, machines executions, dead letters,
	objects tags,
) (Evidence, error) {
	e := Evidence{letters: map[string]redrive.Letter{}, running: map[string]string{}, client: objects}
	for _, url := range []string{stack.Uploads, stack.Rescans} {
		waiting, received, err := permit.Depth(ctx, queues, url)
		if err != nil {
			return e, err
		}
		e.Waiting += waiting + received
	}
	if err := e.readRunning(ctx, machines, stack.Executions().Standard); err != nil {
		return e, err
	}
	result, err := dead.List(ctx, 0, func(l redrive.Letter) bool {
		for _, o := range l.Objects {
			e.letters[identity(o)] = l
		}
		return true
	})
	if err != nil {
		return e, fmt.Errorf("list the dead letters: %w", err)
	}
	if result.HiddenByOthers > 0 || result.More || result.LostAnswers > 0 {
		return e, errors.New("list the dead letters: some are hidden, because another command reads them: " +
			"run it again in five minutes")
	}
	return e, nil
}

// readRunning reads which objects are in work. There are as many executions at most as permits.
func (e *Evidence) readRunning(ctx context.Context, machines executions, machine string) error {
	pages := sfn.NewListExecutionsPaginator(machines, &sfn.ListExecutionsInput{
		StateMachineArn: &machine, StatusFilter: types.ExecutionStatusRunning, MaxResults: 1000,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the running executions of %s: %w", machine, err)
		}
		for _, x := range page.Executions {
			out, err := machines.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: x.ExecutionArn})
			if err != nil {
				return fmt.Errorf("look at %s: %w", aws.ToString(x.ExecutionArn), err)
			}
			var j job.Job
			if json.Unmarshal([]byte(aws.ToString(out.Input)), &j) == nil {
				e.running[identity(j.Object)] = aws.ToString(x.Name)
			}
		}
	}
	return nil
}

// identity tells versions apart. Of an object without a version id, events know the sequencer and listings the time, so
// that only its ETag says which one it is.
func identity(o job.Object) string {
	version := o.Pinned()
	if version == "" {
		version = "ETag " + strings.Trim(o.ETag, `"`)
	}
	return o.Bucket + "\x00" + o.Key + "\x00" + version
}

// Explain says why a version that a sweep has found has no verdict. It looks at the version's tags again, because it
// may have been scanned since.
func (e Evidence) Explain(ctx context.Context, f sweep.Found) (Version, error) {
	v := Version{Object: f.Object}
	if f.Error != "" {
		v.State, v.Detail = Unreadable, f.Error
		return v, nil
	}
	verdict, at, err := e.verdict(ctx, f.Object)
	if err != nil {
		return v, err
	}
	name, running := e.running[identity(f.Object)]
	letter, dead := e.letters[identity(f.Object)]
	switch {
	case verdict == gone:
		v.State = GoneSince
	case verdict != "":
		v.State, v.Verdict, v.Time = ScannedSince, verdict, at
	case running:
		v.State, v.Detail = Running, "execution "+name
	case dead:
		v.State, v.Detail = DeadLetter, describe(letter)
	case e.Waiting > 0:
		v.State, v.Detail = Waiting, fmt.Sprintf("%d messages are in the queues", e.Waiting)
	default:
		v.State = NeverStarted
	}
	return v, nil
}

// FailedRescans returns those of the covered versions that have a verdict, and of which a later scan became a dead
// letter.
func (e Evidence) FailedRescans(ctx context.Context, covered func(job.Object) bool) (all []Version, err error) {
	for _, l := range e.letters {
		for _, o := range l.Objects {
			if !covered(o) {
				continue
			}
			verdict, at, err := e.verdict(ctx, o)
			if err != nil {
				return nil, err
			}
			if verdict != "" && verdict != gone {
				all = append(all, Version{Object: o, State: RescanFailed, Detail: describe(l), Verdict: verdict, Time: at})
			}
		}
	}
	slices.SortFunc(all, func(a, b Version) int { return strings.Compare(a.Address(), b.Address()) })
	return slices.CompactFunc(all, func(a, b Version) bool { return a.Address() == b.Address() }), nil
}

func describe(l redrive.Letter) string {
	if l.Cause == "" {
		return l.Error
	}
	return l.Error + ": " + l.Cause
}

// gone stands for the verdict of a version that does not exist.
const gone job.Verdict = "gone"

// verdict returns the verdict in a version's tags, "" without one.
func (e Evidence) verdict(ctx context.Context, o job.Object) (v job.Verdict, at string, err error) {
	in := &s3.GetObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key}
	if o.VersionID != "" {
		in.VersionId = &o.VersionID
	}
	out, err := e.client.GetObjectTagging(ctx, in)
	if awserr.NotFound(err) {
		return gone, "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("read the tags of %s: %w", o, err)
	}
	found := verdicttag.Verdict(out.TagSet)
	switch v := job.Verdict(found[verdicttag.Status]); v {
	case job.Clean, job.Infected, job.Unscannable:
		return v, found[verdicttag.Time], nil
	}
	return "", "", nil
}

// Date returns a time of a tag for people.
func Date(tag string) string {
	at, err := time.Parse(time.RFC3339, tag)
	if err != nil {
		return "at an unknown time"
	}
	return at.UTC().Format(time.DateTime) + " UTC"
}
