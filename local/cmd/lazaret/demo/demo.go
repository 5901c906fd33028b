// Package demo uploads the samples to a running local stack with the AWS SDK and shows the verdict of each. It fails
// when an outcome is not the expected one.
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

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/template"
)

// demo is one run.
type demo struct {
	w         io.Writer
	app       *template.Application
	s3        *s3.Client
	histories *history.Reader

	mu    sync.Mutex // rows are written one at a time
	wrong []string   // outcomes that are not the expected ones
}

// Run uploads every sample to the application at endpoint and reports to w. The error names the outcomes that are not
// the expected ones.
func Run(ctx context.Context, w io.Writer, endpoint string, app *template.Application) error {
	cfg := aws.Config{
		Region: template.Region, BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	d := &demo{
		w: w, app: app,
		s3: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
	}
	stack, err := deployment.Find(ctx, awsclient.SQS(cfg), app.Name)
	if err != nil {
		return err
	}
	d.histories = history.New(awsclient.StepFunctions(cfg), awsclient.Logs(cfg), stack.Executions())
	samples := sample.All()
	d.picture(len(samples))
	header()(w)
	results := make([]result, len(samples))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4) // a few at a time, so that the times do not include waiting for an engine
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
		missing := 0
		for _, r := range results {
			if r.err != nil {
				missing++
			}
		}
		return fmt.Errorf("wait for verdicts: %d of %d samples have none yet: %w", missing, len(samples), err)
	}
	d.reads(ctx, results)
	d.forge(ctx)
	d.execution(results)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("check what happened to the samples: %w", err)
	}
	if len(d.wrong) > 0 {
		return fmt.Errorf("%d outcomes are wrong:\n  %s", len(d.wrong), strings.Join(d.wrong, "\n  "))
	}
	d.summary(results)
	return nil
}

// bucket returns the full name of a bucket of the stack, or "".
func (d *demo) bucket(name string) string {
	for _, b := range d.app.Buckets {
		if strings.HasPrefix(b.Name, d.app.Name+"-"+name+"-") {
			return b.Name
		}
	}
	return ""
}

// upload uploads a sample and returns its version id.
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

// fault records an outcome that is not the expected one.
func (d *demo) fault(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wrong = append(d.wrong, fmt.Sprintf(format, args...))
}

// pause waits between two requests about an execution.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return errors.New("no verdict in time")
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}
