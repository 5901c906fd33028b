package s3copy

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
)

// taggingLimit keeps the header in which replaced tags travel small: S3 takes
// 8 KB of headers in all, and the source's name alone may fill three of them.
const taggingLimit = 2048

// Target says where a copy goes and what it is given beside what it carries.
type Target struct {
	Bucket, Key string
	Replaces    string      // ETag of what the copy may replace; empty: nothing may be there
	Record      []Entry     // written as metadata, as far as it fits
	Tags        []types.Tag // instead of the original's, when not nil and TagsFit
	SHA256      string      // hex, of what was scanned; empty when nothing was
}

// Copy copies src inside S3 and compares what came out with what was scanned:
// by SHA-256, computed by S3 over the copy, or for objects that were never
// fetched by size and, where both are MD5s, by ETag. The destination's own
// encryption and storage class apply. The errors are ErrConflict,
// job.ErrObjectGone, and ErrOtherBytes, with which the returned Copy says what
// to look at.
func (m *Mover) Copy(ctx context.Context, src *Source, to Target) (job.Copy, error) {
	in, options := src.request(to)
	out, err := m.s3.CopyObject(ctx, in, options...)
	switch {
	case awserr.NotFound(err):
		err = fmt.Errorf("%w: %w", job.ErrObjectGone, err)
	case awserr.PreconditionFailed(err):
		err = fmt.Errorf("%w: %w", ErrConflict, err)
	default:
		err = awserr.Classify(err)
	}
	copied := job.Copy{Bucket: to.Bucket, Key: to.Key}
	if err == nil {
		if r := out.CopyObjectResult; r != nil {
			copied.SHA256 = hexSum(r.ChecksumSHA256)
		}
		copied.VersionID = aws.ToString(out.VersionId)
		if err = same(to.SHA256, copied.SHA256); err == nil && to.SHA256 == "" {
			err = m.compare(ctx, src, copied)
		}
	}
	if err != nil {
		return copied, fmt.Errorf("copy to s3://%s/%s: %w", to.Bucket, to.Key, err)
	}
	return copied, nil
}

// request is the CopyObject that carries everything over.
func (s *Source) request(to Target) (*s3.CopyObjectInput, []func(*s3.Options)) {
	in := &s3.CopyObjectInput{
		Bucket: &to.Bucket, Key: &to.Key, CopySource: aws.String(copySource(s.Object)),
		ChecksumAlgorithm:       types.ChecksumAlgorithmSha256,
		TaggingDirective:        types.TaggingDirectiveCopy,
		WebsiteRedirectLocation: s.head.WebsiteRedirectLocation, // S3 copies it with neither directive
	}
	if s.version() == nil {
		in.CopySourceIfMatch = aws.String(quoted(s.Object.ETag))
	}
	if to.Replaces == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = aws.String(quoted(to.Replaces))
	}
	if to.Tags != nil && TagsFit(to.Tags) {
		in.TaggingDirective, in.Tagging = types.TaggingDirectiveReplace, aws.String(tagging(to.Tags))
	}
	return in, s.describe(in, to.Record)
}

// compare stands in for the SHA-256 of objects that were never fetched.
func (m *Mover) compare(ctx context.Context, src *Source, copied job.Copy) error {
	found, err := m.Find(ctx, copied.Bucket, copied.Key)
	if err != nil {
		return err
	}
	if found == nil {
		return fmt.Errorf("%w: the copy was removed at once", job.ErrTransient)
	}
	return found.Like(src)
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
func copySource(o job.Object) string {
	source := escape(o.Bucket) + "/" + escapePath(o.Key)
	if v := o.Pinned(); v != "" {
		source += "?versionId=" + escape(v)
	}
	return source
}

// escape leaves nothing but what RFC 3986 calls unreserved. The plus sign must
// not stay: S3 reads it as a space.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// escapePath is escape with slashes kept.
func escapePath(s string) string { return strings.ReplaceAll(escape(s), "%2F", "/") }
