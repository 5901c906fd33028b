package verify

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/xray"

	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// maxUploads is the number of objects of a run that the stack scans at a time. It is small, so that a stack with few
// environments is not throttled and a cold stack starts few engines.
const maxUploads = 2

// run is one verification. Checks share its clients and results.
type run struct {
	Options
	stack  stackInfo
	id     string // of this run
	prefix string // prefix of its keys, with a slash at its end

	s3     *s3.Client
	sqs    *sqs.Client
	sfn    *sfn.Client
	logs   *cloudwatchlogs.Client
	sns    *sns.Client
	lambda *lambda.Client
	alarms *cloudwatch.Client
	quotas *servicequotas.Client
	xray   *xray.Client

	histories *history.Reader

	probes  map[string]*probe // the samples, by name
	slots   chan struct{}
	blocked atomic.Bool // an execution has not started, or waits for definitions; others will do the same

	keepsPermits atomic.Bool // an execution waits for definitions, which takes hours
	listing      func() (update.Listing, error)
	tagging      func() taggingTries
	control      func() (seen string, ok bool) // see canRead

	traceWithin   time.Duration // for X-Ray to have every segment of a trace
	permitsWithin time.Duration // for SQS and Step Functions to tell numbers that agree

	mu            sync.Mutex
	uploaded      []*probe
	messageSent   atomic.Bool // by the check poison
	letterRemoved atomic.Bool // the dead letter of that message
	started       sync.WaitGroup
}

// prepare finds the stack and lists its uploads bucket, so that missing permissions are reported before others see
// anything of the run.
func prepare(ctx context.Context, o Options) (*run, error) {
	stack, err := describeStack(ctx, o.Config, o.Stack)
	if err != nil {
		return nil, err
	}
	id := strings.ToLower(rand.Text()[:10])
	cfg := o.Config
	r := &run{
		Options:     o,
		stack:       stack,
		id:          id,
		prefix:      stack.Parameters["KeyPrefix"] + ".lazaret/" + id + "/",
		s3:          awsclient.S3(cfg),
		sqs:         awsclient.SQS(cfg),
		sfn:         awsclient.StepFunctions(cfg),
		logs:        awsclient.Logs(cfg),
		sns:         sns.NewFromConfig(cfg),
		lambda:      lambda.NewFromConfig(cfg),
		alarms:      cloudwatch.NewFromConfig(cfg),
		quotas:      servicequotas.NewFromConfig(cfg),
		xray:        xray.NewFromConfig(cfg),
		probes:      map[string]*probe{},
		slots:       make(chan struct{}, maxUploads),
		traceWithin: 45 * time.Second,

		permitsWithin: min(time.Minute, o.Within/2),
	}
	r.histories = history.New(r.sfn, r.logs, stack.executions())
	r.listing = sync.OnceValues(func() (update.Listing, error) { return r.listDefinitions(ctx) })
	r.tagging = sync.OnceValue(func() taggingTries { return r.tryTagging(ctx) })
	r.control = sync.OnceValues(func() (string, bool) { return r.canRead(ctx) })
	for _, s := range samples(id) {
		r.probes[s.name] = &probe{sample: s, ended: make(chan struct{})}
	}
	if _, err := r.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{
		Bucket: aws.String(stack.uploads()), Prefix: &r.prefix, MaxKeys: aws.Int32(1),
	}); err != nil {
		return nil, fmt.Errorf(
			"list s3://%s/%s, to remove afterwards what was uploaded: %w",
			stack.uploads(),
			r.prefix,
			err,
		)
	}
	return r, nil
}

// key returns the key of an object of this run. The name of the execution begins with the key's last part.
func (r *run) key(name string) string { return r.prefix + "lazaret-verify-" + name }

// probe is an object that this run uploads, and its execution.
type probe struct {
	sample    sample
	object    job.Object
	at        time.Time // of the upload's end
	err       error     // of the upload
	execution execution // read after ended is closed
	begin     sync.Once
	ended     chan struct{}
}

// probe uploads a sample, unless another check has done so, and waits for the end of its execution. It returns a line
// if the sample has no verdict or another one than it must have.
func (r *run) probe(ctx context.Context, name string) (*probe, *Line) {
	p := r.probes[name]
	r.upload(ctx, p)
	<-p.ended // following ends with ctx, too
	return p, r.verdictError(ctx, p)
}

// require is probe for a check that is not about the verdict. Without the verdict the check cannot be made, and the
// line of another check reports the failure.
func (r *run) require(ctx context.Context, name string) (*probe, *Line) {
	p, line := r.probe(ctx, name)
	if line != nil && line.Outcome == Fail {
		line.Outcome = NotChecked
	}
	return p, line
}

// first uploads the clean sample. A caller who may not upload cannot verify anything.
func (r *run) first(ctx context.Context) *probe {
	p := r.probes[clean]
	r.upload(ctx, p)
	return p
}

func (r *run) upload(ctx context.Context, p *probe) {
	p.begin.Do(func() {
		r.send(
			ctx,
			p,
			func(ctx context.Context) (string, error) { return r.put(ctx, p.object.Key, p.sample.content, "") },
		)
	})
}

// uploadExtra uploads one more object and does not wait for its execution.
func (r *run) uploadExtra(ctx context.Context, name string, content []byte) *probe {
	return r.uploadExtraBy(
		ctx,
		name,
		content,
		func(ctx context.Context, key string) (string, error) { return r.put(ctx, key, content, "") },
	)
}

// uploadExtraBy does the same with another request than a plain PUT.
func (r *run) uploadExtraBy(
	ctx context.Context,
	name string,
	content []byte,
	upload func(ctx context.Context, key string) (version string, err error),
) *probe {
	p := &probe{sample: sample{name: name, content: content}, ended: make(chan struct{})}
	r.send(ctx, p, func(ctx context.Context) (string, error) { return upload(ctx, p.object.Key) })
	return p
}

// send uploads an object, as soon as the stack scans fewer than maxUploads of this run, and follows its execution.
func (r *run) send(ctx context.Context, p *probe, upload func(context.Context) (version string, err error)) {
	p.object = job.Object{Bucket: r.stack.uploads(), Key: r.key(p.sample.name), Size: int64(len(p.sample.content))}
	release := func() {}
	if !r.blocked.Load() {
		select {
		case r.slots <- struct{}{}:
			release = func() { <-r.slots }
		case <-ctx.Done():
		}
	}
	p.object.VersionID, p.err = upload(ctx)
	p.at = time.Now()
	if p.err != nil {
		release()
		close(p.ended)
		return
	}
	r.mu.Lock()
	r.uploaded = append(r.uploaded, p)
	r.mu.Unlock()
	r.started.Go(func() {
		defer release()
		defer close(p.ended)
		p.execution = r.follow(ctx, p)
	})
}

// put uploads an object with these tags, "a=1&b=2".
func (r *run) put(ctx context.Context, key string, content []byte, tags string) (version string, err error) {
	in := &s3.PutObjectInput{Bucket: aws.String(r.stack.uploads()), Key: &key, Body: bytes.NewReader(content)}
	if tags != "" {
		in.Tagging = &tags
	}
	out, err := r.s3.PutObject(ctx, in)
	if err != nil {
		return "", err
	}
	if v := aws.ToString(out.VersionId); v == "" || v == "null" {
		return "", errors.New("the bucket keeps no versions any more: a verdict is about a version")
	}
	return *out.VersionId, nil
}
