package workdir

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/lazaret/lazaret/internal/job"
)

// classifyRead wraps an error of scan with the error of package job that it stands for. A missing file
// is a job.ErrWorkFileGone, after which it is fetched again.
func classifyRead(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist) && job.Name(err) == job.Unnamed:
		return fmt.Errorf("%w: %w", job.ErrWorkFileGone, err)
	case errors.Is(err, errNoFolder):
		// err is not wrapped: it must not count as ErrDefinitionsNotReady, because fetch creates the folder at once.
		return fmt.Errorf("%w: %s", job.ErrWorkFileGone, err.Error())
	}
	return classifyWrite(err)
}

// classifyWrite is classifyRead for functions that write. If they miss a file, the folder was removed,
// and the next attempt creates it again.
func classifyWrite(err error) error {
	switch {
	case err == nil || job.Name(err) != job.Unnamed:
		return err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", job.ErrAccessDenied, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", job.ErrTransient, err)
	}
	return Transient(err)
}

// transientErrors are errors of a volume after which the same call may succeed later: it is full or
// its quota is used up; the NFS server does not answer or has restarted; or it has no lock left (EFS
// grants 512 for a file and 8,192 for a mount: https://docs.aws.amazon.com/efs/latest/ug/limits.html).
var transientErrors = []syscall.Errno{
	syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT, syscall.ENOLCK, syscall.EREMOTEIO,
}

// Transient wraps an error in transientErrors with job.ErrTransient and returns any other error as it
// is.
func Transient(err error) error {
	for _, e := range transientErrors {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %w", job.ErrTransient, err)
		}
	}
	return err
}
