package coverage

import (
	"errors"
	"fmt"

	"github.com/lazaret/lazaret/internal/job"
)

// refusal is why a part of a file cannot be called clean. Forms return it;
// walk.settle keeps the first and lets the walk go on, because a signature in
// another part says more.
type refusal struct {
	reason  job.Reason
	path    string
	detail  string
	follows bool // it is about what comes after a whole stream
	last    bool // a limit was reached: nothing more is looked at
}

func (r *refusal) Error() string {
	if r.path == "" {
		return r.detail
	}
	return r.path + ": " + r.detail
}

func damaged(format string, args ...any) error {
	return &refusal{reason: job.Damaged, detail: fmt.Sprintf(format, args...)}
}

func unsupported(format string, args ...any) error {
	return &refusal{reason: job.UnsupportedArchive, detail: fmt.Sprintf(format, args...)}
}

func encrypted(format string, args ...any) error {
	return &refusal{reason: job.Encrypted, detail: fmt.Sprintf(format, args...)}
}

func exceeded(reason job.Reason, format string, args ...any) error {
	return &refusal{reason: reason, detail: fmt.Sprintf(format, args...), last: true}
}

// tooWide refuses one member for the memory that it would need; others may do.
func tooWide(format string, args ...any) error {
	return &refusal{reason: job.LimitSize, detail: fmt.Sprintf(format, args...)}
}

// detection ends the walk: a signature is a verdict.
type detection struct{ signature string }

func (d *detection) Error() string { return "found " + d.signature }

// damage reports a refusal that says that bytes are not what they seemed to be.
func (r *refusal) damage() bool { return r.reason == job.Damaged && !r.last }

func isDamage(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && !r.last
}

// follows reports a decoder's complaint about what comes after a whole stream.
func follows(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && r.follows
}
