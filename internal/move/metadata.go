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

// Reserved begins the metadata keys of Lazaret. If an original has such metadata, its uploader or an
// earlier promotion wrote it, and it is replaced.
const Reserved = "lazaret-"

// Metadata keys that the copies of quarantine and promote both have.
const (
	KeyBucket   = Reserved + "source-bucket"
	KeyVersion  = Reserved + "source-version"  // left out if there are no versions
	KeyModified = Reserved + "source-modified" // RFC 3339, UTC
	KeySHA256   = Reserved + "sha256"          // of the scanned bytes, hex
)

// Of a promoted copy alone: KeyID has the QuarantineKey of the original, which names its version. OriginTag is the tag
// that begins with the same if the metadata has no room for it.
const (
	KeyID     = Reserved + "source-id"
	OriginTag = Reserved + "source"
)

// OriginID returns the QuarantineKey of the version that a promoted copy with this metadata and these tags was made
// from, and "" if they do not tell. The tag counts only where the metadata has no origin, because uploaders set tags.
func OriginID(metadata map[string]string, tags []types.Tag) string {
	if id := metadata[KeyID]; id != "" {
		return id
	}
	for _, t := range tags {
		if fields := strings.Fields(aws.ToString(t.Value)); aws.ToString(t.Key) == OriginTag && len(fields) == 4 {
			return fields[0]
		}
	}
	return ""
}

// metadataLimit is S3's limit for user metadata, in bytes of all keys and values:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
const metadataLimit = 2048

// Entry is one entry of a copy's origin. An entry with an empty value is not written.
type Entry struct {
	Key, Value string
	Varies     bool // the value may differ between scans of one version, so that it is not compared
}

// Fits reports whether all entries can be written in addition to the original's own metadata.
func (s *Source) Fits(origin []Entry) bool {
	metadata, ok := s.metadata(origin)
	for _, e := range origin {
		if _, written := metadata[e.Key]; e.Value != "" && !written {
			return false
		}
	}
	return ok
}

// KeepsReserved reports whether the copy would have reserved metadata of the original, because S3 has
// to copy the original's metadata unchanged.
func (s *Source) KeepsReserved() bool {
	_, ok := s.metadata(nil)
	return !ok && len(s.ownMetadata()) < len(s.head.Metadata)
}

// metadata returns the original's own metadata and as many entries, in their order, as fit. It returns
// false if the metadata cannot be written by a request, and S3 has to copy it unchanged: if it has
// entries that HTTP cannot carry, or text in other alphabets, which S3 returns in a longer encoding.
func (s *Source) metadata(origin []Entry) (map[string]string, bool) {
	metadata, size := s.ownMetadata(), 0
	for k, v := range metadata {
		size += len(k) + len(v)
	}
	if aws.ToInt32(s.head.MissingMeta) > 0 || size > metadataLimit {
		return nil, false
	}
	for _, e := range origin {
		if n := len(e.Key) + len(e.Value); e.Value != "" && size+n <= metadataLimit {
			metadata[e.Key] = e.Value
			size += n
		}
	}
	return metadata, true
}

// ownMetadata returns the original's metadata without reserved keys.
func (s *Source) ownMetadata() map[string]string {
	own := maps.Clone(s.head.Metadata)
	if own == nil {
		own = map[string]string{}
	}
	maps.DeleteFunc(own, func(k, _ string) bool { return strings.HasPrefix(strings.ToLower(k), Reserved) })
	return own
}

// setHeaders sets the metadata and the content headers of a copy, and returns the options of the
// request. Replacing the metadata replaces the headers too, so that all of them are set. The SDK
// cannot send an Expires that is not a date ("0" is common), so that an option sets it.
func (s *Source) setHeaders(in *s3.CopyObjectInput, origin []Entry) []func(*s3.Options) {
	metadata, ok := s.metadata(origin)
	if !ok {
		in.MetadataDirective = types.MetadataDirectiveCopy
		return nil
	}
	in.MetadataDirective, in.Metadata = types.MetadataDirectiveReplace, metadata
	in.CacheControl, in.ContentDisposition = s.head.CacheControl, s.head.ContentDisposition
	in.ContentEncoding, in.ContentLanguage = contentEncoding(s.head), s.head.ContentLanguage
	in.ContentType = s.head.ContentType
	if expires := aws.ToString(s.head.ExpiresString); expires != "" {
		return []func(*s3.Options){s3.WithAPIOptions(smithyhttp.SetHeaderValue("Expires", expires))}
	}
	return nil
}

// contentEncoding returns the object's content encoding without aws-chunked, nil if there is none. S3
// removes aws-chunked, which only says how a request's body is sent, from what it stores; other stores
// may keep it: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
func contentEncoding(head *s3.HeadObjectOutput) *string {
	var codings []string
	for coding := range strings.SplitSeq(aws.ToString(head.ContentEncoding), ",") {
		if coding = strings.TrimSpace(coding); coding != "" && coding != "aws-chunked" {
			codings = append(codings, coding)
		}
	}
	if codings == nil {
		return nil
	}
	return aws.String(strings.Join(codings, ", "))
}

// Printable returns s as the value of a header. Bytes that are not printable US-ASCII, and the percent
// sign, are escaped as in a URL.
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

// PrintableKey returns an object's key as the value of a header. Unlike Printable it keeps spaces at
// both ends, as %20.
func PrintableKey(key string) string { return escapePath(key) }
