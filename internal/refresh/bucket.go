package refresh

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

// Bounds of own signatures: more would not fit into the function's memory
// beside the official sets, or not into its time.
const (
	maxOwnFiles = 100
	maxOwnBytes = 64 << 20 // of one file
)

// api is what Bucket needs of S3.
type api interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Bucket is the own signatures under a prefix of a bucket.
type Bucket struct {
	api            api
	bucket, prefix string
}

// OpenBucket reads a location of the form s3://bucket/prefix. Nothing is asked
// yet.
func OpenBucket(client api, location string) (*Bucket, error) {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return nil, fmt.Errorf("read location of own signatures: %q is not of the form s3://bucket/prefix", location)
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	return &Bucket{api: client, bucket: u.Host, prefix: prefix}, nil
}

// List returns the objects right under the prefix, without folders.
func (b *Bucket) List(ctx context.Context) ([]OwnFile, error) {
	out, err := b.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
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
		return nil, fmt.Errorf("list s3://%s/%s: more than %d files: put signatures together", b.bucket, b.prefix, maxOwnFiles)
	}
	return files, nil
}

// Fetch returns the content of one of the files.
func (b *Bucket) Fetch(ctx context.Context, name string) (content []byte, err error) {
	out, err := b.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: aws.String(b.prefix + name)})
	if err != nil {
		return nil, err
	}
	content, err = io.ReadAll(io.LimitReader(out.Body, maxOwnBytes+1))
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return nil, err
	}
	if len(content) > maxOwnBytes {
		return nil, fmt.Errorf("it has more than %d bytes", maxOwnBytes)
	}
	return content, nil
}
