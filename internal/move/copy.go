package move

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
)

// taggingLimit is the most bytes that replaced tags may have in the header of a request. S3 accepts 8
// KB of headers in all, of which the name of the source alone may take three:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
const taggingLimit = 2048

// CopyPlan says what a copy gets in addition to what the original has.
type CopyPlan struct {
	// Origin is metadata that says which version the copy was made from. Entries
	// that do not fit are left out.
	Origin []Entry
	// Tags replace the original's tags, if they are not nil and TagsFit.
	Tags []types.Tag
	// OriginInTag says that Tags has the origin in OriginTag, in place of Origin.
	OriginInTag bool
	// SHA256 is the hash of the scanned bytes in hexadecimal, "" if nothing was
	// scanned.
	SHA256 string
	// RemoveWrongCopy removes a copy that turns out to have other bytes.
	RemoveWrongCopy bool
}

// copyAndCompare makes the copy in place of the current object and compares it
// with the original.
func (a *attempt) copyAndCompare(ctx context.Context, current *Found) (*Found, error) {
	found, err := a.makeCopy(ctx, current)
	if err == nil {
		err = a.compare(ctx, found, a.src, a.plan)
	}
	if errors.Is(err, ErrIncomplete) { // for example if the original's tags changed meanwhile
		err = fmt.Errorf("%w: %w", job.ErrTransient, err)
	}
	if err != nil {
		return nil, fmt.Errorf("copy to s3://%s/%s: %w", a.bucket, a.key, err)
	}
	return found, nil
}

// makeCopy makes the copy and asks S3 for it.
func (a *attempt) makeCopy(ctx context.Context, current *Found) (*Found, error) {
	copied, err := a.copyObject(ctx, a.bucket, a.key, a.src, current, a.plan)
	if errors.Is(err, ErrOtherBytes) && a.plan.RemoveWrongCopy {
		err = errors.Join(err, a.removeWrongCopy(ctx, copied))
	}
	if err != nil {
		return nil, err
	}
	found, _, err := a.find(ctx, a.bucket, a.key, optional(copied.VersionID))
	if err == nil && found == nil {
		err = fmt.Errorf("%w: the copy is missing right after it was written", job.ErrTransient)
	}
	return found, err
}

// copyObject copies src inside S3 in place of the current object at the destination (nil if there is
// none) and compares the SHA-256 that S3 computed of the copy with the scanned one. The copy gets the
// encryption and the storage class of the destination. The error is a job.ErrTransient if the
// destination or the original was changed meanwhile, a job.ErrObjectGone if the original was deleted,
// or an ErrOtherBytes, with which the copy is returned.
func (m *Mover) copyObject(
	ctx context.Context, bucket, key string, src *Source, current *Found, plan CopyPlan,
) (job.Copy, error) {
	in, options := src.copyRequest(plan)
	in.Bucket, in.Key = &bucket, &key
	if current == nil {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = aws.String(original.Quoted(current.etag))
	}
	copied := job.Copy{Bucket: bucket, Key: key}
	out, err := m.s3.CopyObject(ctx, in, options...)
	switch {
	case awserr.NotFound(err):
		return copied, fmt.Errorf("%w: %w", job.ErrObjectGone, err)
	case awserr.PreconditionFailed(err):
		return copied, fmt.Errorf("%w: a condition of the copy did not hold: %w", job.ErrTransient, err)
	case err != nil:
		return copied, awserr.Classify(err)
	}
	if r := out.CopyObjectResult; r != nil {
		copied.SHA256 = hexSum(r.ChecksumSHA256)
	}
	copied.VersionID = aws.ToString(out.VersionId)
	return copied, compareSHA256(plan.SHA256, copied.SHA256)
}

// copyRequest returns a CopyObject request that keeps everything that the original has.
func (s *Source) copyRequest(plan CopyPlan) (*s3.CopyObjectInput, []func(*s3.Options)) {
	in := &s3.CopyObjectInput{
		CopySource:              aws.String(copySource(s.Object, s.id)),
		ChecksumAlgorithm:       types.ChecksumAlgorithmSha256,
		TaggingDirective:        types.TaggingDirectiveCopy,
		WebsiteRedirectLocation: s.head.WebsiteRedirectLocation, // no directive copies it
	}
	if s.Object.Pinned() == "" {
		in.CopySourceIfMatch = aws.String(original.Quoted(s.Object.ETag))
	}
	if plan.replacesTags() {
		in.TaggingDirective, in.Tagging = types.TaggingDirectiveReplace, aws.String(tagging(plan.Tags))
	}
	return in, s.setHeaders(in, plan.Origin)
}

// replacesTags reports whether the copy gets Tags instead of the original's tags.
func (p CopyPlan) replacesTags() bool { return p.Tags != nil && TagsFit(p.Tags) }

// removeWrongCopy removes a copy of bytes that were not scanned, so that nobody reads it. It can be
// made only in a bucket without versions, if the original is overwritten by an object with the same
// ETag.
func (m *Mover) removeWrongCopy(ctx context.Context, copied job.Copy) error {
	_, err := m.s3.DeleteObject(ctx, &s3.DeleteObjectInput{
		Bucket: &copied.Bucket, Key: &copied.Key, VersionId: optional(copied.VersionID),
	})
	if err != nil {
		return fmt.Errorf("remove the copy s3://%s/%s: %w", copied.Bucket, copied.Key, awserr.Classify(err))
	}
	return nil
}

// TagsFit reports whether a copy can be given these tags in one request. The original's own tags
// always fit, because S3 copies them itself.
func TagsFit(tags []types.Tag) bool { return len(tagging(tags)) <= taggingLimit }

// tagging returns tags as a query string, for a header.
func tagging(tags []types.Tag) string {
	pairs := make([]string, 0, len(tags))
	for _, t := range tags {
		pairs = append(pairs, escape(aws.ToString(t.Key))+"="+escape(aws.ToString(t.Value)))
	}
	return strings.Join(pairs, "&")
}

// copySource returns the name of the version for a header that S3 URL-decodes.
func copySource(o job.Object, id *string) string {
	source := escape(o.Bucket) + "/" + escapePath(o.Key)
	if id != nil {
		source += "?versionId=" + escape(*id)
	}
	return source
}

// escape escapes all characters but the unreserved ones of RFC 3986. The plus sign is escaped too,
// because S3 reads it as a space.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// escapePath is escape, but keeps slashes.
func escapePath(s string) string { return strings.ReplaceAll(escape(s), "%2F", "/") }
