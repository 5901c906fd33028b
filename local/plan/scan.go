package plan

import (
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
)

// Scan is what happens to one object.
type Scan struct {
	States       []string // that its execution enters
	Calls        []Call   // of functions, dispatch first
	ExecutionLog float64  // bytes that an EXPRESS execution logs; CloudWatch bills 26 more for each event
	Events       int      // in that log
}

// Call is the invocation of a function.
type Call struct {
	Function string
	MemoryMB int
	Took     time.Duration // as Lambda bills it; of dispatch without the wait for a permit
	Requests []Request
	Lines    []int // of the function's log, in bytes; CloudWatch bills 26 more for each, and Lambda adds two
}

// Scan says what happens to an object of a size in bytes, in a bucket with versions.
func (p *Planner) Scan(size int64, end End) Scan {
	x := object{size: float64(size), end: end, unread: size > clamav.MaxFileSize}
	x.lane = p.lane(x)
	var s Scan
	for _, entered := range x.states() {
		s.States = append(s.States, entered.name)
	}
	for _, f := range append([]string{"dispatch"}, x.functions()...) {
		c := Call{Function: f, MemoryMB: p.memoryOf(f), Lines: logged[f]}
		if f == "dispatch" {
			c.Took = p.dispatch(x)
		} else {
			c.Took = p.durationOf(f, x)
		}
		for _, r := range x.requests() {
			if r.Function == f {
				c.Requests = append(c.Requests, r)
			}
		}
		s.Calls = append(s.Calls, c)
	}
	if x.lane == Express {
		s.ExecutionLog, s.Events = executionLog(x)
		s.ExecutionLog -= float64(s.Events * logOverhead)
	}
	return s
}
