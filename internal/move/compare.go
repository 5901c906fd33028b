package move

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"mime"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/verdicttag"
)

// compare returns nil only if the copy has all that the original has, so that the original may be
// removed: the bytes, by SHA-256 or, if they were never fetched, by size and ETag; its own metadata,
// content headers and tags; the verdict; and the origin. Otherwise the error is an ErrOtherBytes or an
// ErrIncomplete.
//
// An attempt after an earlier scan may have made the copy. Values that differ between scans are not
// compared: entries with Varies, what stands after the id in the tag of CopyPlan.OriginInTag, and the verdict
// tags other than the status.
func (m *Mover) compare(ctx context.Context, found *Found, src *Source, plan CopyPlan) error {
	err := found.compareUnscanned(src)
	if plan.SHA256 != "" {
		err = found.CheckSHA256(plan.SHA256)
	}
	if err != nil {
		return err
	}
	was, err := m.OriginalTags(ctx, src)
	if err != nil {
		return err
	}
	if plan.replacesTags() {
		was = plan.Tags
	}
	is, err := m.CopyTags(ctx, found)
	if err != nil {
		return err
	}
	wasTags, isTags := tagMap(was), tagMap(is)
	if plan.OriginInTag { // otherwise the tag is the uploader's own
		keepOriginID(wasTags)
		keepOriginID(isTags)
	}
	differs := cmp.Or(
		difference("tag", wasTags, isTags),
		difference("metadata", src.expected(plan.Origin), comparableMetadata(found.head.Metadata, plan.Origin)),
		difference("header", contentHeaders(src.head, src.head), contentHeaders(found.head, src.head)),
	)
	if was, is := aws.ToInt32(src.head.MissingMeta), aws.ToInt32(found.head.MissingMeta); differs == "" && was != is {
		differs = fmt.Sprintf("it has %d entries of metadata that HTTP cannot carry, the original has %d", is, was)
	}
	if differs != "" {
		return fmt.Errorf("s3://%s/%s: %w: %s", found.Copy.Bucket, found.Copy.Key, ErrIncomplete, differs)
	}
	return nil
}

// tagMap returns the tags to compare: the object's own, and the status of the verdict.
func tagMap(tags []types.Tag) map[string]string {
	set := map[string]string{}
	for _, t := range verdicttag.WithoutVerdict(tags) {
		set[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	if status := verdicttag.Verdict(tags)[verdicttag.Status]; status != "" {
		set[verdicttag.Status] = status
	}
	return set
}

// keepOriginID cuts the tag OriginTag after the id. The sequencer and the time after it vary.
func keepOriginID(tags map[string]string) {
	if origin, there := tags[OriginTag]; there {
		tags[OriginTag], _, _ = strings.Cut(origin, " ")
	}
}

// expected returns the metadata that a copy must have.
func (s *Source) expected(origin []Entry) map[string]string {
	metadata, ok := s.metadata(origin)
	if !ok {
		metadata = s.head.Metadata // S3 copied it unchanged
	}
	return comparableMetadata(metadata, origin)
}

// comparableMetadata returns metadata without the entries that differ between scans, with keys in
// lower case and decoded values: S3 returns text in other alphabets in one of the two encodings of RFC
// 2047.
func comparableMetadata(metadata map[string]string, origin []Entry) map[string]string {
	set := map[string]string{}
	for k, v := range metadata {
		set[strings.ToLower(k)] = decodeWords(v)
	}
	for _, e := range origin {
		if e.Varies {
			delete(set, e.Key)
		}
	}
	return set
}

// decodeWords decodes RFC 2047, and returns any other text as it is.
func decodeWords(value string) string {
	var words mime.WordDecoder
	if decoded, err := words.DecodeHeader(value); err == nil {
		return decoded
	}
	return value
}

// contentHeaders returns the content headers of head that the original has too. A store may give a
// copy a Content-Type that the original does not have.
func contentHeaders(head, original *s3.HeadObjectOutput) map[string]string {
	named := func(h *s3.HeadObjectOutput) map[string]*string {
		return map[string]*string{
			"Content-Type": h.ContentType, "Content-Encoding": contentEncoding(h), "Content-Language": h.ContentLanguage,
			"Content-Disposition": h.ContentDisposition, "Cache-Control": h.CacheControl, "Expires": h.ExpiresString,
			"x-amz-website-redirect-location": h.WebsiteRedirectLocation,
		}
	}
	set := map[string]string{}
	for name, value := range named(original) {
		if is := aws.ToString(named(head)[name]); aws.ToString(value) != "" && is != "" {
			set[name] = decodeWords(is)
		}
	}
	return set
}

// difference says how is differs from was, and returns "" if it does not.
func difference(kind string, was, is map[string]string) string {
	for k, v := range was {
		if got, there := is[k]; !there {
			return fmt.Sprintf("it has no %s %s, the original's is %q", kind, k, v)
		} else if got != v {
			return fmt.Sprintf("its %s %s is %q, the original's is %q", kind, k, got, v)
		}
	}
	if len(is) == len(was) {
		return ""
	}
	extra := maps.Clone(is)
	maps.DeleteFunc(extra, func(k, _ string) bool { _, expected := was[k]; return expected })
	return fmt.Sprintf("it has additional %s: %v", kind, extra)
}
