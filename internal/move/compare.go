package move

import (
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

// compare returns nil only for a copy that has all that the original has, so that
// the original may be removed: the bytes, by SHA-256 or, where they were never
// fetched, by size and ETag; the metadata, content headers and tags of its own; the
// verdict; and the record. Else it is an ErrOtherBytes or an ErrIncomplete.
//
// The copy may be another attempt's, of another scan: what differs between scans
// (Entry.Varies, and the verdict's lesser tags) is not compared.
func (m *Mover) compare(ctx context.Context, found *Found, src *Source, to Target) error {
	err := found.like(src)
	if to.SHA256 != "" {
		err = found.Holds(to.SHA256)
	}
	if err != nil {
		return err
	}
	was, err := m.Tags(ctx, src)
	if err != nil {
		return err
	}
	if to.replacesTags() {
		was = to.Tags
	}
	is, err := m.TagsOf(ctx, found)
	if err != nil {
		return err
	}
	differs := firstOf(
		difference("tag", tagMap(was), tagMap(is)),
		difference("metadata", src.expected(to.Record), dropped(found.head.Metadata, to.Record)),
		difference("header", headers(src.head, src.head), headers(found.head, src.head)),
	)
	if was, is := aws.ToInt32(src.head.MissingMeta), aws.ToInt32(found.head.MissingMeta); differs == "" && was != is {
		differs = fmt.Sprintf("%d entries of metadata that HTTP cannot show, the original has %d", is, was)
	}
	if differs != "" {
		return fmt.Errorf("s3://%s/%s: %w: %s", found.Copy.Bucket, found.Copy.Key, ErrIncomplete, differs)
	}
	return nil
}

// tagMap is what is compared of tags: the object's own, and the verdict.
func tagMap(tags []types.Tag) map[string]string {
	set := map[string]string{}
	for _, t := range verdicttag.Own(tags) {
		set[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	if status := verdicttag.Verdict(tags)[verdicttag.Status]; status != "" {
		set[verdicttag.Status] = status
	}
	return set
}

// expected is the metadata that a copy must have.
func (s *Source) expected(record []Entry) map[string]string {
	metadata, ok := s.metadata(record)
	if !ok {
		metadata = s.head.Metadata // S3 carries it as it is
	}
	return dropped(metadata, record)
}

// dropped is metadata without the entries that vary between scans, in lower case
// and decoded: S3 shows text in other alphabets as RFC 2047 has it, in either of
// its two encodings.
func dropped(metadata map[string]string, record []Entry) map[string]string {
	set := map[string]string{}
	for k, v := range metadata {
		set[strings.ToLower(k)] = plain(v)
	}
	for _, e := range record {
		if e.Varies {
			delete(set, e.Key)
		}
	}
	return set
}

func plain(value string) string {
	var words mime.WordDecoder
	if decoded, err := words.DecodeHeader(value); err == nil {
		return decoded
	}
	return value
}

// headers are the content headers of head that the original has too: a store may
// give a copy a Content-Type where there was none.
func headers(head, original *s3.HeadObjectOutput) map[string]string {
	named := func(h *s3.HeadObjectOutput) map[string]*string {
		return map[string]*string{
			"Content-Type": h.ContentType, "Content-Encoding": h.ContentEncoding, "Content-Language": h.ContentLanguage,
			"Content-Disposition": h.ContentDisposition, "Cache-Control": h.CacheControl, "Expires": h.ExpiresString,
			"x-amz-website-redirect-location": h.WebsiteRedirectLocation,
		}
	}
	set := map[string]string{}
	for name, value := range named(original) {
		if is := aws.ToString(named(head)[name]); aws.ToString(value) != "" && is != "" {
			set[name] = plain(is)
		}
	}
	return set
}

// difference says in words how is differs from was, "" where it does not.
func difference(what string, was, is map[string]string) string {
	for k, v := range was {
		if got, there := is[k]; !there {
			return fmt.Sprintf("it has no %s %s, the original's is %q", what, k, v)
		} else if got != v {
			return fmt.Sprintf("its %s %s is %q, the original's is %q", what, k, got, v)
		}
	}
	if len(is) == len(was) {
		return ""
	}
	extra := maps.Clone(is)
	maps.DeleteFunc(extra, func(k, _ string) bool { _, expected := was[k]; return expected })
	return fmt.Sprintf("it has %s that the original has not: %v", what, extra)
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
