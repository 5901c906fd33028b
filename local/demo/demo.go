// Package demo sends the samples through a running local stack, as a user
// would with the AWS SDK, and shows what becomes of them: `make demo`. It fails
// when anything turns out otherwise than it must.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/lazaret/lazaret/local/sample"
	"github.com/lazaret/lazaret/local/template"
)

// demo is one run.
type demo struct {
	w   io.Writer
	app *template.Application
	s3  *s3.Client
	sfn *sfn.Client

	mu    sync.Mutex // rows are written one at a time
	wrong []string   // what was not as it must be
}

// Run uploads every sample to the application at endpoint and reports to w. The
// error names the outcomes that were not the expected ones.
func Run(ctx context.Context, w io.Writer, endpoint string, app *template.Application) error {
	cfg := aws.Config{
		Region: template.Region, BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	d := &demo{
		w: w, app: app, sfn: sfn.NewFromConfig(cfg),
		s3: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
	}
	samples := sample.All()
	d.picture(len(samples))
	header()(w)
	results := make([]result, len(samples))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4) // a few at a time, so that the times are not those of a queue
	for i, s := range samples {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results[i] = d.follow(ctx, s)
			if ctx.Err() == nil {
				d.show(results[i])
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait for verdicts: %w", err)
	}
	d.reads(ctx, results)
	d.forge(ctx)
	d.execution(ctx, results)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("look at what came of the samples: %w", err)
	}
	if len(d.wrong) > 0 {
		return fmt.Errorf("%d things are not as they must be:\n  %s", len(d.wrong), strings.Join(d.wrong, "\n  "))
	}
	d.summary(results)
	return nil
}

// bucket is the stack's bucket of that name.
func (d *demo) bucket(name string) string {
	for _, b := range d.app.Buckets {
		if strings.HasPrefix(b.Name, d.app.Name+"-"+name+"-") {
			return b.Name
		}
	}
	return ""
}

// upload puts a sample and returns its version.
func (d *demo) upload(ctx context.Context, s sample.Sample) (version string, err error) {
	var tags []string
	for i := range s.Tags {
		tags = append(tags, fmt.Sprintf("own-%d=%d", i, i))
	}
	in := &s3.PutObjectInput{Bucket: aws.String(d.bucket("uploads")), Key: &s.Key, Body: bytes.NewReader(s.Content)}
	if tags != nil {
		in.Tagging = aws.String(strings.Join(tags, "&"))
	}
	out, err := d.s3.PutObject(ctx, in)
	if err != nil {
		return "", fmt.Errorf("upload %s: %w", s.Key, err)
	}
	return aws.ToString(out.VersionId), nil
}

// fault notes an outcome that was not the expected one.
func (d *demo) fault(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wrong = append(d.wrong, fmt.Sprintf(format, args...))
}

// pause waits between two looks at an execution.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return errors.New("no verdict in time")
	case <-time.After(5 * time.Millisecond):
		return nil
	}
}
