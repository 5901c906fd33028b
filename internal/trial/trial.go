// Package trial counts, in the records bucket, the different files that a new signature hits, and says
// whether one more may be moved because of it. A bad signature hits many different files within minutes.
// An outbreak is one file that is uploaded many times, which counts once.
//
// Below trials/<signature>/ there is one object for each file, named by its SHA-256; "tripped", which the
// file that was one too many leaves; and "confirmed", with which an operator lets all others be moved.
// Objects expire after a week. Whatever is lost lets files be moved, and never holds them.
//
// The package decides by names alone. Whether a file that is held cannot be read meanwhile is for the
// caller to find out. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
package trial

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
)

// Window is the time in which more different files than the limit make a signature suspect. A backlog of
// uploads is scanned within it, and so is what one bad signature hits in a bucket with some traffic; one
// new malware in more than 20 variants within half an hour is rare, and costs one command.
const Window = 30 * time.Minute

const (
	prefix    = "trials/"
	tripped   = "tripped"
	confirmed = "confirmed"
)

// API is what the package calls of S3.
type API interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// Counter counts the files of all new signatures of a stack.
type Counter struct {
	S3     API
	Bucket string // the records bucket
	Limit  int    // how many different files a new signature may move within Window
}

// File is a file that a new signature has hit.
type File struct {
	Signature string    `json:"signature"`
	FirstSeen time.Time `json:"firstSeen"` // of the signature
	SHA256    string    `json:"sha256"`    // hex
	Object    string    `json:"object"`    // address of the first object with it
}

// Holds reports whether the file must wait, because the signature has hit more than Limit other files
// before it within Window, and nobody has confirmed the signature. A file that need not wait once need
// not wait later, so that an attempt which was killed goes on. Errors are those of awserr.Classify.
//
// A new file is recorded first and counted then, so that of files that come at the same time none is
// overlooked. At most Limit files are moved, and later, when they come again, those that were in work when
// the limit was reached.
func (c *Counter) Holds(ctx context.Context, f File) (bool, error) {
	state, err := c.read(ctx, f.Signature)
	if err != nil || state.confirmed {
		return false, err
	}
	switch rank := state.rank(f.SHA256); {
	case rank > 0 && rank <= c.Limit:
		return false, nil
	case rank == 0 && state.tripped:
		return true, nil
	case rank == 0:
		if err := c.put(ctx, f.Signature, f.SHA256, f); err != nil {
			return false, err
		}
		if state, err = c.read(ctx, f.Signature); err != nil {
			return false, err
		}
		if state.recent(f.SHA256) <= c.Limit {
			return false, nil
		}
	}
	return true, c.put(ctx, f.Signature, tripped, f)
}

// state is what is recorded about one signature.
type state struct {
	files              []entry // the oldest first
	tripped, confirmed bool
}

type entry struct {
	name string
	at   time.Time // when S3 stored it
}

// rank returns the place of a file among those of the Window before it, from 1; 0 if it is not recorded.
// Later files do not change it. S3 tells whole seconds: within one, names decide.
func (s state) rank(sha256 string) int {
	i := slices.IndexFunc(s.files, func(e entry) bool { return e.name == sha256 })
	if i < 0 {
		return 0
	}
	first := slices.IndexFunc(s.files, func(e entry) bool { return s.files[i].at.Sub(e.at) < Window })
	return i - first + 1
}

// recent returns how many files are recorded within the Window before a file, or after it; 0 if it is not
// recorded.
func (s state) recent(sha256 string) int {
	rank := s.rank(sha256)
	if rank == 0 {
		return 0
	}
	own := slices.IndexFunc(s.files, func(e entry) bool { return e.name == sha256 })
	return rank + len(s.files) - 1 - own
}

// read lists what is recorded about a signature. There are as many files as the limit and those in work,
// because no file is recorded after the signature has tripped.
func (c *Counter) read(ctx context.Context, signature string) (s state, err error) {
	at := prefix + encode(signature) + "/"
	pages := s3.NewListObjectsV2Paginator(c.S3, &s3.ListObjectsV2Input{Bucket: &c.Bucket, Prefix: &at})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return state{}, fmt.Errorf("list s3://%s/%s: %w", c.Bucket, at, awserr.Classify(err))
		}
		for _, o := range page.Contents {
			switch name := strings.TrimPrefix(aws.ToString(o.Key), at); name {
			case tripped:
				s.tripped = true
			case confirmed:
				s.confirmed = true
			default:
				s.files = append(s.files, entry{name: name, at: aws.ToTime(o.LastModified)})
			}
		}
	}
	slices.SortFunc(s.files, func(a, b entry) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	return s, nil
}

// put writes an object unless it is there: the first time counts.
func (c *Counter) put(ctx context.Context, signature, name string, content any) error {
	key := prefix + encode(signature) + "/" + name
	body, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("encode s3://%s/%s: %w", c.Bucket, key, err)
	}
	_, err = c.S3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &c.Bucket, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("application/json"),
		IfNoneMatch: aws.String("*"),
	})
	if err != nil && !awserr.PreconditionFailed(err) {
		return fmt.Errorf("write s3://%s/%s: %w", c.Bucket, key, awserr.Classify(err))
	}
	return nil
}
