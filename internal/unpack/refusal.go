package unpack

import (
	"errors"
	"fmt"

	"github.com/lazaret/lazaret/internal/job"
)

// Refusal says why a part of a file cannot be called clean. A format returns one from
// Walk, which ends the walk of that container, or gives it to Visitor.Refuse and goes
// on: another part may have a signature, which says more.
type Refusal struct {
	Reason job.Reason
	Path   string // of the member, empty for the file itself
	Detail string
	// Follows says that the refusal is about bytes after the end of a whole stream.
	Follows bool

	last bool // a limit of the whole file was reached, which ends the Check
}

func (r *Refusal) Error() string {
	if r.Path == "" {
		return r.Detail
	}
	return r.Path + ": " + r.Detail
}

// Damaged refuses a container that cannot be read to its end, or contradicts
// itself.
func Damaged(format string, args ...any) error {
	return &Refusal{Reason: job.Damaged, Detail: fmt.Sprintf(format, args...)}
}

// Unsupported refuses a file that neither the engine nor a format can open.
func Unsupported(format string, args ...any) error {
	return &Refusal{Reason: job.UnsupportedArchive, Detail: fmt.Sprintf(format, args...)}
}

// Encrypted refuses a part that cannot be opened without a key.
func Encrypted(format string, args ...any) error {
	return &Refusal{Reason: job.Encrypted, Detail: fmt.Sprintf(format, args...)}
}

// TooLarge refuses one member or container for the bytes that it would take; the rest
// of the file is still looked into.
func TooLarge(format string, args ...any) error {
	return &Refusal{Reason: job.LimitSize, Detail: fmt.Sprintf(format, args...)}
}

// TooMany refuses a container for the number of its parts; the rest of the file is
// still looked into.
func TooMany(format string, args ...any) error {
	return &Refusal{Reason: job.LimitFiles, Detail: fmt.Sprintf(format, args...)}
}

// TooDeep refuses containers that are in one another; the rest of the file is still
// looked into.
func TooDeep(format string, args ...any) error {
	return &Refusal{Reason: job.LimitRecursion, Detail: fmt.Sprintf(format, args...)}
}

// exhausted refuses the whole file, and ends the Check: nothing is left of one of its
// limits.
func exhausted(reason job.Reason, format string, args ...any) error {
	return &Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...), last: true}
}

// IsRefusal reports whether err is a refusal after which the rest of the file is still
// looked into.
func IsRefusal(err error) bool {
	r, ok := errors.AsType[*Refusal](err)
	return ok && !r.last
}

// IsDamage reports whether err is a refusal as damaged.
func IsDamage(err error) bool {
	r, ok := errors.AsType[*Refusal](err)
	return ok && r.damage()
}

func (r *Refusal) damage() bool { return r.Reason == job.Damaged && !r.last }

// detection is the error that ends a Check in which a signature was found.
type detection struct{ signature string }

func (d *detection) Error() string { return "found " + d.signature }
