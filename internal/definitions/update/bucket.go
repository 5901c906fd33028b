package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Limits for own signatures. The function's memory holds the official definitions too, and each file
// takes time to check.
const (
	maxOwnFiles = 100
	maxOwnBytes = 64 << 20 // of one file
)

// s3API is what Bucket calls of S3.
type s3API interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Bucket is the folder of own signatures in an S3 bucket.
type Bucket struct {
	s3             s3API
	bucket, prefix string
}

// OpenBucket reads a location of the form s3://bucket/prefix. It sends no request.
func OpenBucket(client s3API, location string) (*Bucket, error) {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return nil, fmt.Errorf("read the location of own signatures: %q is not of the form s3://bucket/prefix", location)
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	return &Bucket{s3: client, bucket: u.Host, prefix: prefix}, nil
}

// List returns the objects whose keys have the prefix and no further slash.
func (b *Bucket) List(ctx context.Context) ([]OwnFile, error) {
	out, err := b.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
		Bucket: &b.bucket, Prefix: &b.prefix, Delimiter: aws.String("/"), MaxKeys: aws.Int32(maxOwnFiles + 1),
	})
	if err != nil {
		return nil, fmt.Errorf("list s3://%s/%s: %w", b.bucket, b.prefix, err)
	}
	var files []OwnFile
	for _, o := range out.Contents {
		if name := strings.TrimPrefix(aws.ToString(o.Key), b.prefix); name != "" {
			files = append(files, OwnFile{Name: name, ETag: aws.ToString(o.ETag)})
		}
	}
	if len(files) > maxOwnFiles || aws.ToBool(out.IsTruncated) {
		return nil, fmt.Errorf("list s3://%s/%s: there are more than %d files; join some of them",
			b.bucket, b.prefix, maxOwnFiles)
	}
	return files, nil
}

// Fetch returns the content of a file that List returned.
func (b *Bucket) Fetch(ctx context.Context, name string) (content []byte, err error) {
	out, err := b.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: aws.String(b.prefix + name)})
	if err != nil {
		return nil, err
	}
	content, err = io.ReadAll(io.LimitReader(out.Body, maxOwnBytes+1))
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return nil, err
	}
	if len(content) > maxOwnBytes {
		return nil, fmt.Errorf("the file has more than %d bytes", maxOwnBytes)
	}
	return content, nil
}
