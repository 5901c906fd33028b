package move

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lazaret/lazaret/internal/original"
)

// findEarlierCopy returns the complete copy that an earlier attempt made, and the
// current object at the destination. Either may be nil.
func (a *attempt) findEarlierCopy(ctx context.Context) (found, current *Found, err error) {
	current, hidden, err := a.find(ctx, a.bucket, a.key, nil)
	if err != nil {
		return nil, nil, err
	}
	if current != nil {
		complete, err := a.isCompleteCopy(ctx, current)
		if err != nil {
			return nil, nil, err
		}
		if complete {
			return current, current, nil
		}
	}
	if current == nil && !hidden {
		return nil, nil, nil
	}
	noncurrent, err := a.policy.MayBeNoncurrent(ctx, current, a.src)
	if err != nil || !noncurrent {
		return nil, current, err
	}
	found, err = a.findNoncurrentCopy(ctx, current)
	return found, current, err
}

// findNoncurrentCopy looks for the copy among the noncurrent versions, which are
// listed with the newest first. It stops at versions that are older than the
// original, because a copy is not.
func (a *attempt) findNoncurrentCopy(ctx context.Context, current *Found) (*Found, error) {
	size := a.job.Object.Size
	if a.src != nil {
		size = a.src.size()
	}
	for v, err := range original.Versions(ctx, a.s3, a.bucket, a.key) {
		switch {
		case err != nil:
			return nil, err
		case a.src != nil && aws.ToTime(v.LastModified).Before(a.src.Modified.Add(-time.Second)):
			return nil, nil
		case v.VersionId == nil, v.Size == nil || *v.Size != size:
			continue
		case current != nil && *v.VersionId == current.Copy.VersionID:
			continue
		}
		version, _, err := a.find(ctx, a.bucket, a.key, v.VersionId)
		if err != nil {
			return nil, err
		}
		if version == nil { // deleted since it was listed
			continue
		}
		complete, err := a.isCompleteCopy(ctx, version)
		if err != nil {
			return nil, err
		}
		if complete {
			return version, nil
		}
	}
	return nil, nil
}

// isCompleteCopy reports whether found is our copy and, if the original is still
// there to compare it with, has everything that the original has.
func (a *attempt) isCompleteCopy(ctx context.Context, found *Found) (bool, error) {
	ours, err := a.policy.IsOurCopy(ctx, found)
	if err != nil || !ours || a.src == nil {
		return ours, err
	}
	err = a.compare(ctx, found, a.src, a.plan)
	if errors.Is(err, ErrIncomplete) {
		return false, nil
	}
	return err == nil, err
}
