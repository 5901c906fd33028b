package move

import (
	"context"
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

// taggingLimit keeps the header in which replaced tags travel small: S3 takes
// 8 KB of headers in all, and the source's name alone may fill three of them.
const taggingLimit = 2048

// Target says what a copy is given beside what it carries.
type Target struct {
	Record  []Entry     // written as metadata, as far as it fits
	Tags    []types.Tag // instead of the original's, when not nil and TagsFit
	SHA256  string      // hex, of what was scanned; empty when nothing was
	Retract bool        // remove a copy that turns out to hold other bytes
}

// copyObject copies src inside S3 in place of what is there, nil for nothing, and
// compares the SHA-256 that S3 computed over the copy with what was scanned. The
// destination's own encryption and storage class apply. The errors are a
// job.ErrTransient where a condition did not hold: the key was taken or replaced
// meanwhile, or the original was; a job.ErrObjectGone; and ErrOtherBytes, with
// which the returned Copy says what to look at.
func (m *Mover) copyObject(ctx context.Context, bucket, key string, src *Source, there *Found, to Target) (job.Copy, error) {
	in, options := src.request(to)
	in.Bucket, in.Key = &bucket, &key
	if there == nil {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = aws.String(original.Quoted(there.etag))
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
	return copied, same(to.SHA256, copied.SHA256)
}

// request is the CopyObject that carries everything over.
func (s *Source) request(to Target) (*s3.CopyObjectInput, []func(*s3.Options)) {
	in := &s3.CopyObjectInput{
		CopySource:              aws.String(copySource(s.Object, s.id)),
		ChecksumAlgorithm:       types.ChecksumAlgorithmSha256,
		TaggingDirective:        types.TaggingDirectiveCopy,
		WebsiteRedirectLocation: s.head.WebsiteRedirectLocation, // S3 copies it with neither directive
	}
	if s.Object.Pinned() == "" {
		in.CopySourceIfMatch = aws.String(original.Quoted(s.Object.ETag))
	}
	if to.replacesTags() {
		in.TaggingDirective, in.Tagging = types.TaggingDirectiveReplace, aws.String(tagging(to.Tags))
	}
	return in, s.describe(in, to.Record)
}

func (to Target) replacesTags() bool { return to.Tags != nil && TagsFit(to.Tags) }

// retract takes a copy out of the readers' sight that is not what was scanned.
// That needs a bucket without versions, and an overwrite that keeps the ETag.
func (m *Mover) retract(ctx context.Context, copied job.Copy) error {
	_, err := m.s3.DeleteObject(ctx, &s3.DeleteObjectInput{
		Bucket: &copied.Bucket, Key: &copied.Key, VersionId: optional(copied.VersionID),
	})
	if err != nil {
		return fmt.Errorf("retract s3://%s/%s: %w", copied.Bucket, copied.Key, awserr.Classify(err))
	}
	return nil
}

// TagsFit reports whether tags can be given to a copy in one request. Those of
// the original, which S3 carries by itself, always can.
func TagsFit(tags []types.Tag) bool { return len(tagging(tags)) <= taggingLimit }

// tagging writes tags as the query string that the header holds.
func tagging(tags []types.Tag) string {
	pairs := make([]string, 0, len(tags))
	for _, t := range tags {
		pairs = append(pairs, escape(aws.ToString(t.Key))+"="+escape(aws.ToString(t.Value)))
	}
	return strings.Join(pairs, "&")
}

// copySource names the version in the header that S3 decodes like a URL.
func copySource(o job.Object, id *string) string {
	source := escape(o.Bucket) + "/" + escapePath(o.Key)
	if id != nil {
		source += "?versionId=" + escape(*id)
	}
	return source
}

// escape leaves nothing but what RFC 3986 calls unreserved. The plus sign must
// not stay: S3 reads it as a space.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// escapePath is escape with slashes kept.
func escapePath(s string) string { return strings.ReplaceAll(escape(s), "%2F", "/") }
