package history

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
)

// List returns the executions of both lanes that started in the window, the newest first. A caller that wants a page
// stops, and asks for the next one with Until set to the last Started. An error is about one lane: the list goes on
// with the other.
func (r *Reader) List(ctx context.Context, w Window) iter.Seq2[Execution, error] {
	w = w.orDefault()
	return merged(r.listStandard(ctx, w), r.listExpress(ctx, "", w))
}

// FindObject returns the executions of an object that started in the window, the newest first: of one version, or of
// all if the object has no version id. An error is about one lane, as in List.
func (r *Reader) FindObject(ctx context.Context, o job.Object, w Window) iter.Seq2[Execution, error] {
	w = w.orDefault()
	// Names of executions begin with a part of the key, which leaves few whose inputs are to be read.
	name := job.Job{Object: o}.ExecutionName()
	prefix := name[:strings.LastIndexByte(name, '-')+1]
	return func(yield func(Execution, error) bool) {
		for e, err := range merged(r.listStandard(ctx, w), r.listExpress(ctx, prefix, w)) {
			if err == nil && !strings.HasPrefix(e.Name, prefix) {
				continue
			}
			if err == nil && e.Lane == Standard {
				e, err = r.describe(ctx, e.ARN)
			}
			if err == nil && !isOf(e, o) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// isOf reports whether the input of an execution is a job of the object.
func isOf(e Execution, o job.Object) bool {
	var j job.Job
	if json.Unmarshal([]byte(e.Input), &j) != nil {
		return false
	}
	return j.Object.Bucket == o.Bucket && j.Object.Key == o.Key &&
		(o.VersionID == "" || j.Object.VersionID == o.VersionID)
}

// FindName returns the executions with this name, the newest first: at most one of STANDARD, whenever it started, and
// those of EXPRESS that started in the window. The error is an ErrNotFound if there is none. If one lane could not be
// looked at, the error says so and comes with the executions of the other.
func (r *Reader) FindName(ctx context.Context, name string, w Window) ([]Execution, error) {
	var executions []Execution
	standard, err := r.describe(ctx, executionARN(r.source.Standard, "execution", name))
	switch {
	case err == nil:
		executions = append(executions, standard)
	case errors.Is(err, ErrNotFound):
		err = nil
	}
	for e, failed := range r.listExpress(ctx, name+":", w.orDefault()) {
		if failed != nil {
			if !errors.Is(failed, ErrNoExpress) {
				err = errors.Join(err, failed)
			}
			break
		}
		executions = append(executions, e)
	}
	if executions == nil && err == nil {
		err = ErrNotFound
	}
	slices.SortStableFunc(executions, func(a, b Execution) int { return b.started().Compare(a.started()) })
	return executions, err
}

// started returns when the execution started, or its end if that is not known.
func (e Execution) started() time.Time {
	if e.Started.IsZero() {
		return e.Stopped
	}
	return e.Started
}

// listStandard lists the STANDARD executions that started in the window, without their inputs. Step Functions returns
// the newest first.
func (r *Reader) listStandard(ctx context.Context, w Window) iter.Seq2[Execution, error] {
	return func(yield func(Execution, error) bool) {
		pages := sfn.NewListExecutionsPaginator(r.states, &sfn.ListExecutionsInput{
			StateMachineArn: &r.source.Standard, MaxResults: 1000,
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Execution{}, standardError(err, "list the executions of "+r.source.Standard, "states:ListExecutions"))
				return
			}
			for _, item := range page.Executions {
				e := standardItem(item)
				if e.Started.Before(w.Since) {
					return
				}
				if w.has(e.Started) && !yield(e, nil) {
					return
				}
			}
		}
	}
}

// standardItem returns an execution of a list, which lacks its input.
func standardItem(item types.ExecutionListItem) Execution {
	return Execution{
		ARN: aws.ToString(item.ExecutionArn), Name: aws.ToString(item.Name), Lane: Standard,
		Status: Status(item.Status), Started: aws.ToTime(item.StartDate), Stopped: aws.ToTime(item.StopDate),
	}
}

// listExpress lists the express executions that started in the window, and whose names begin with a prefix.
func (r *Reader) listExpress(ctx context.Context, prefix string, w Window) iter.Seq2[Execution, error] {
	comparison := quoted("$.type", "Execution*")
	if prefix != "" {
		comparison += " && " + quoted("$.execution_arn", executionARN(r.source.Express, "express", prefix+"*"))
	}
	return func(yield func(Execution, error) bool) {
		l := expressList{window: w, ended: map[string]Execution{}}
		for line, err := range r.lines(ctx, comparison, w.untilEnds(), false) {
			var ready []Execution
			if err == nil {
				ready, err = l.read(line)
			}
			if !yieldAll(ready, yield) {
				return
			}
			if err != nil {
				yield(Execution{}, err)
				return
			}
		}
		yieldAll(l.rest(), yield)
	}
}

func yieldAll(executions []Execution, yield func(Execution, error) bool) bool {
	return !slices.ContainsFunc(executions, func(e Execution) bool { return !yield(e, nil) })
}

// expressList makes executions of the events about their beginnings and ends, which come the newest first.
type expressList struct {
	window Window
	ended  map[string]Execution // by ARN: their end was read, and not their beginning
	begun  []Execution          // their beginning was read; an end may have the same millisecond and come after it
}

// read adds an event, and returns the executions that are complete, the newest first.
func (l *expressList) read(line string) (ready []Execution, err error) {
	e, arn, err := decode(line)
	if err != nil {
		return nil, err
	}
	for len(l.begun) > 0 && e.Time.Before(l.begun[0].Started) {
		ready, l.begun = append(ready, l.begun[0].withoutEnd()), l.begun[1:]
	}
	if i := slices.IndexFunc(l.begun, func(x Execution) bool { return x.ARN == arn }); i >= 0 {
		l.begun[i].apply(e)
		return ready, nil
	}
	x, known := l.ended[arn]
	if !known {
		x = Execution{ARN: arn, Name: Name(arn), Lane: Express, Status: Running}
	}
	x.apply(e)
	if e.Kind != Began {
		l.ended[arn] = x
		return ready, nil
	}
	delete(l.ended, arn)
	if l.window.has(x.Started) {
		l.begun = append(l.begun, x)
	}
	return ready, nil
}

// rest returns the executions that are left at the end. Those without a beginning, which the log has lost, are counted
// only if they cannot have started before the window.
func (l *expressList) rest() []Execution {
	executions := l.begun
	for _, x := range l.ended {
		if l.window.has(x.Stopped) && l.window.has(x.Stopped.Add(-longestExpress)) {
			executions = append(executions, x)
		}
	}
	for i := range executions {
		executions[i] = executions[i].withoutEnd()
	}
	slices.SortStableFunc(executions, func(a, b Execution) int {
		return cmp.Or(b.started().Compare(a.started()), cmp.Compare(a.ARN, b.ARN))
	})
	return executions
}

// merged merges two lists, each the newest first. That a stack has no express executions is no error of a list.
func merged(standard, express iter.Seq2[Execution, error]) iter.Seq2[Execution, error] {
	return func(yield func(Execution, error) bool) {
		nextStandard, stopStandard := iter.Pull2(standard)
		defer stopStandard()
		nextExpress, stopExpress := iter.Pull2(express)
		defer stopExpress()
		a, errA, moreA := nextStandard()
		b, errB, moreB := nextExpress()
		for moreA || moreB {
			takesStandard := moreA && (!moreB || errA != nil || errB == nil && !a.started().Before(b.started()))
			if takesStandard {
				if !yield(a, errA) {
					return
				}
				a, errA, moreA = nextStandard()
				continue
			}
			if !errors.Is(errB, ErrNoExpress) && !yield(b, errB) {
				return
			}
			b, errB, moreB = nextExpress()
		}
	}
}
