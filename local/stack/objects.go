package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/local/access"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/template"
)

// objects reads and writes objects through the endpoint as a role, so that the policies of buckets apply to it.
type objects struct{ client *s3.Client }

func newObjects(endpoint, role string) objects {
	return objects{awsclient.S3(aws.Config{
		BaseEndpoint: &endpoint, Region: template.Region,
		Credentials: credentials.NewStaticCredentialsProvider(access.Key(role), access.Secret, ""),
	})}
}

// Get returns the content of an object.
func (o objects) Get(ctx context.Context, bucket, key string) ([]byte, error) {
	out, err := o.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	content, err := io.ReadAll(out.Body)
	return content, errors.Join(err, out.Body.Close())
}

// Put writes an object.
func (o objects) Put(ctx context.Context, bucket, key string, content []byte) error {
	_, err := o.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(content)})
	if err != nil {
		return fmt.Errorf("write s3://%s/%s: %w", bucket, key, err)
	}
	return nil
}
