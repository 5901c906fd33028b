package move

import (
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Reserved begins the metadata keys that are Lazaret's. On an original they are
// what an uploader claims, or what an earlier promotion wrote, and are replaced.
const Reserved = "lazaret-"

// metadataLimit is S3's limit for user metadata, in bytes of keys and values:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
const metadataLimit = 2048

// Entry is one line of a copy's record. An empty value is not written.
type Entry struct {
	Key, Value string
	Varies     bool // between attempts for one version, so that copies are not compared by it
}

// Fits reports whether the whole record can be written beside the original's
// own metadata.
func (s *Source) Fits(record []Entry) bool {
	metadata, ok := s.metadata(record)
	for _, e := range record {
		if _, written := metadata[e.Key]; e.Value != "" && !written {
			return false
		}
	}
	return ok
}

// Claims reports whether the original has reserved metadata that a copy cannot
// shed, because S3 has to carry the original's metadata as one piece.
func (s *Source) Claims() bool {
	_, ok := s.metadata(nil)
	return !ok && len(s.own()) < len(s.head.Metadata)
}

// metadata is the original's own metadata and as many entries of the record,
// first things first, as fit. It is false where the original's metadata cannot
// be written by us at all: entries that HTTP cannot show, or text in other
// alphabets, which S3 shows longer than it is. S3 then has to carry it.
func (s *Source) metadata(record []Entry) (map[string]string, bool) {
	metadata, size := s.own(), 0
	for k, v := range metadata {
		size += len(k) + len(v)
	}
	if aws.ToInt32(s.head.MissingMeta) > 0 || size > metadataLimit {
		return nil, false
	}
	for _, e := range record {
		if n := len(e.Key) + len(e.Value); e.Value != "" && size+n <= metadataLimit {
			metadata[e.Key] = e.Value
			size += n
		}
	}
	return metadata, true
}

// own is the original's metadata without reserved keys.
func (s *Source) own() map[string]string {
	own := maps.Clone(s.head.Metadata)
	if own == nil {
		own = map[string]string{}
	}
	maps.DeleteFunc(own, func(k, _ string) bool { return strings.HasPrefix(strings.ToLower(k), Reserved) })
	return own
}

// describe fills in metadata and content headers. Replacing the metadata
// replaces the headers too, so all of them are written again; the SDK has no
// way to write an Expires that is no date ("0" is common), hence the option.
func (s *Source) describe(in *s3.CopyObjectInput, record []Entry) []func(*s3.Options) {
	metadata, ok := s.metadata(record)
	if !ok {
		in.MetadataDirective = types.MetadataDirectiveCopy
		return nil
	}
	in.MetadataDirective, in.Metadata = types.MetadataDirectiveReplace, metadata
	in.CacheControl, in.ContentDisposition = s.head.CacheControl, s.head.ContentDisposition
	in.ContentEncoding, in.ContentLanguage = s.head.ContentEncoding, s.head.ContentLanguage
	in.ContentType = s.head.ContentType
	if expires := aws.ToString(s.head.ExpiresString); expires != "" {
		return []func(*s3.Options){s3.WithAPIOptions(smithyhttp.SetHeaderValue("Expires", expires))}
	}
	return nil
}

// Printable makes s a header's value: US-ASCII that can be seen. What is not,
// and the percent sign, is written as in a URL.
func Printable(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return strings.TrimSpace(b.String())
}

// PrintableKey makes an object's key a header's value. Unlike Printable it
// keeps spaces at the ends, as %20: they are part of the key.
func PrintableKey(key string) string { return escapePath(key) }
