package trial

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
)

// ErrNoTrial: no file waits because of the signature.
var ErrNoTrial = errors.New("no object waits because of this signature")

// maxRecord is more than the record of a file has, in bytes.
const maxRecord = 64 << 10

// ReadAPI is what an operator's requests call of S3.
type ReadAPI interface {
	API
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Trial is a signature because of which files wait, or have waited.
type Trial struct {
	Signature string    `json:"signature"`
	FirstSeen time.Time `json:"firstSeen"` // when the definitions got it
	Since     time.Time `json:"since"`     // when it hit one file too many
	Confirmed bool      `json:"confirmed"` // an operator lets its files be moved
}

// Confirm lets all files be moved that the signature hits. It is an ErrNoTrial if none waits: a name that
// is misspelt would otherwise change nothing, and say nothing.
func Confirm(ctx context.Context, client API, bucket, signature string) error {
	c := Counter{S3: client, Bucket: bucket}
	state, err := c.read(ctx, signature)
	if err == nil && !state.tripped {
		err = ErrNoTrial
	}
	if err == nil {
		err = c.put(ctx, signature, confirmed, map[string]time.Time{"time": time.Now().UTC()})
	}
	if err != nil {
		return fmt.Errorf("confirm the signature %q: %w", signature, err)
	}
	return nil
}

// List returns the trials of the last week, the last begun first.
func List(ctx context.Context, client ReadAPI, bucket string) ([]Trial, error) {
	names, since, err := list(ctx, client, bucket)
	if err != nil {
		return nil, err
	}
	var all []Trial
	for _, encoded := range slices.Sorted(maps.Keys(since)) {
		f, err := readFile(ctx, client, bucket, prefix+encoded+"/"+tripped)
		if awserr.NotFound(err) {
			continue // it has expired since
		}
		if err != nil {
			return nil, err
		}
		all = append(all, Trial{
			Signature: f.Signature, FirstSeen: f.FirstSeen, Since: since[encoded], Confirmed: names[encoded],
		})
	}
	slices.SortStableFunc(all, func(a, b Trial) int { return cmp.Compare(b.Since.Unix(), a.Since.Unix()) })
	return all, nil
}

// list returns, by the encoded names of signatures, which are confirmed, and when each one tripped.
func list(ctx context.Context, client API, bucket string) (isConfirmed map[string]bool, since map[string]time.Time, err error) {
	isConfirmed, since = map[string]bool{}, map[string]time.Time{}
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String(prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("list s3://%s/%s: %w", bucket, prefix, awserr.Classify(err))
		}
		for _, o := range page.Contents {
			encoded, name, _ := strings.Cut(strings.TrimPrefix(aws.ToString(o.Key), prefix), "/")
			switch name {
			case tripped:
				since[encoded] = aws.ToTime(o.LastModified).UTC()
			case confirmed:
				isConfirmed[encoded] = true
			}
		}
	}
	return isConfirmed, since, nil
}

// readFile reads the record of a file.
func readFile(ctx context.Context, client ReadAPI, bucket, key string) (f File, err error) {
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err == nil {
		defer out.Body.Close()
		var body []byte
		if body, err = io.ReadAll(io.LimitReader(out.Body, maxRecord)); err == nil {
			err = json.Unmarshal(body, &f)
		}
	}
	if err != nil {
		return File{}, fmt.Errorf("read s3://%s/%s: %w", bucket, key, awserr.Classify(err))
	}
	return f, nil
}
