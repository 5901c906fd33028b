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

// Records is what an operator reads and writes of the trials of a stack.
type Records struct {
	S3     ReadAPI
	Bucket string // the records bucket
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
func (r Records) Confirm(ctx context.Context, signature string) error {
	c := Counter{S3: r.S3, Bucket: r.Bucket}
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
func (r Records) List(ctx context.Context) ([]Trial, error) {
	isConfirmed, since, err := r.marks(ctx)
	if err != nil {
		return nil, err
	}
	var all []Trial
	for _, encoded := range slices.Sorted(maps.Keys(since)) {
		f, err := r.file(ctx, prefix+encoded+"/"+tripped)
		if awserr.NotFound(err) {
			continue // it has expired since
		}
		if err != nil {
			return nil, err
		}
		all = append(all, Trial{
			Signature: f.Signature, FirstSeen: f.FirstSeen, Since: since[encoded], Confirmed: isConfirmed[encoded],
		})
	}
	slices.SortStableFunc(all, func(a, b Trial) int { return cmp.Compare(b.Since.Unix(), a.Since.Unix()) })
	return all, nil
}

// marks returns, by the encoded names of signatures, which are confirmed, and when each one tripped.
func (r Records) marks(ctx context.Context) (isConfirmed map[string]bool, since map[string]time.Time, err error) {
	isConfirmed, since = map[string]bool{}, map[string]time.Time{}
	pages := s3.NewListObjectsV2Paginator(r.S3, &s3.ListObjectsV2Input{Bucket: &r.Bucket, Prefix: aws.String(prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("list s3://%s/%s: %w", r.Bucket, prefix, awserr.Classify(err))
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

// file reads the record of a file.
func (r Records) file(ctx context.Context, key string) (f File, err error) {
	out, err := r.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &r.Bucket, Key: &key})
	if err == nil {
		defer out.Body.Close()
		var body []byte
		if body, err = io.ReadAll(io.LimitReader(out.Body, maxRecord)); err == nil {
			err = json.Unmarshal(body, &f)
		}
	}
	if err != nil {
		return File{}, fmt.Errorf("read s3://%s/%s: %w", r.Bucket, key, awserr.Classify(err))
	}
	return f, nil
}
