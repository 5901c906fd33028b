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
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/xray"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/refresh"
	"github.com/lazaret/lazaret/internal/sdkhttp"
)

// atOnce is how many objects of a run are on their way at a time: few, so that a
// small stack is not throttled and a cold one starts few engines.
const atOnce = 2

// run is one verification under way. Checks share what it has learnt.
type run struct {
	Options
	stack deployed
	id    string // of this run
	place string // prefix of its keys, with a slash at its end

	s3     *s3.Client
	sqs    *sqs.Client
	sfn    *sfn.Client
	sns    *sns.Client
	lambda *lambda.Client
	alarms *cloudwatch.Client
	quotas *servicequotas.Client
	xray   *xray.Client

	probes  map[string]*probe // the samples, by name
	slots   chan struct{}
	stuck   atomic.Bool // an execution did not start or waits for definitions: others will, too
	listing func() (refresh.Listing, error)
	tagging func() taggingTries
	control func() (seen string, ok bool) // that the caller can read, see canRead

	traceWithin time.Duration // that X-Ray may take to have every segment of a trace

	mu      sync.Mutex
	made    []*probe
	sent    atomic.Bool // a poison message was
	removed atomic.Bool // its letter was
	started sync.WaitGroup
}

// prepare finds the stack and uploads the first sample, so that whoever may not
// is told before others see anything.
func prepare(ctx context.Context, o Options) (*run, error) {
	stack, err := describe(ctx, o.Config, o.Stack)
	if err != nil {
		return nil, err
	}
	id := strings.ToLower(rand.Text()[:10])
	cfg := o.Config
	r := &run{
		Options: o, stack: stack, id: id, place: stack.Parameters["KeyPrefix"] + ".lazaret/" + id + "/",
		s3:  s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil }),
		sqs: sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.HTTPClient = sdkhttp.Whole(o.HTTPClient) }),
		sfn: sfn.NewFromConfig(cfg), sns: sns.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg),
		alarms: cloudwatch.NewFromConfig(cfg), quotas: servicequotas.NewFromConfig(cfg), xray: xray.NewFromConfig(cfg),
		probes: map[string]*probe{}, slots: make(chan struct{}, atOnce),
		traceWithin: 45 * time.Second,
	}
	r.listing = sync.OnceValues(func() (refresh.Listing, error) { return r.list(ctx) })
	r.tagging = sync.OnceValue(func() taggingTries { return r.tryTagging(ctx) })
	r.control = sync.OnceValues(func() (string, bool) { return r.canRead(ctx) })
	for _, s := range samples(id) {
		r.probes[s.name] = &probe{sample: s, ended: make(chan struct{})}
	}
	if _, err := r.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{
		Bucket: aws.String(stack.uploads()), Prefix: &r.place, MaxKeys: aws.Int32(1),
	}); err != nil {
		return nil, fmt.Errorf(
			"list s3://%s/%s, to remove afterwards what was uploaded: %w",
			stack.uploads(),
			r.place,
			err,
		)
	}
	return r, nil
}

// key is where an object of this run goes. The last part begins the name of its
// execution.
func (r *run) key(name string) string { return r.place + "lazaret-verify-" + name }

// probe is an object of this run on its way through the stack.
type probe struct {
	sample sample
	object job.Object
	at     time.Time // of the upload's end
	err    error     // of the upload
	story  story     // of its execution; read after ended
	begin  sync.Once
	ended  chan struct{}
}

// probe uploads a sample, unless another check has, and waits for its end. The
// line is set when it never got one, or not the one that was wanted.
func (r *run) probe(ctx context.Context, name string) (*probe, *Line) {
	p := r.probes[name]
	r.upload(ctx, p)
	<-p.ended // following ends with ctx, too
	return p, r.wrong(ctx, p)
}

// needs is probe for a check that is not about the verdict: without it there is nothing to
// be checked, and the line of another check says that something is wrong.
func (r *run) needs(ctx context.Context, name string) (*probe, *Line) {
	p, line := r.probe(ctx, name)
	if line != nil && line.Outcome == Fail {
		line.Outcome = NotChecked
	}
	return p, line
}

// first uploads the clean sample: whoever may not need not go on.
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

// extra uploads one more object, and returns without waiting for its end.
func (r *run) extra(ctx context.Context, name string, content []byte) *probe {
	return r.extraBy(
		ctx,
		name,
		content,
		func(ctx context.Context, key string) (string, error) { return r.put(ctx, key, content, "") },
	)
}

// extraBy does the same in another way than by a plain PUT.
func (r *run) extraBy(
	ctx context.Context,
	name string,
	content []byte,
	upload func(ctx context.Context, key string) (version string, err error),
) *probe {
	p := &probe{sample: sample{name: name, content: content}, ended: make(chan struct{})}
	r.send(ctx, p, func(ctx context.Context) (string, error) { return upload(ctx, p.object.Key) })
	return p
}

// send uploads an object when few enough are on their way, and follows it.
func (r *run) send(ctx context.Context, p *probe, upload func(context.Context) (version string, err error)) {
	p.object = job.Object{Bucket: r.stack.uploads(), Key: r.key(p.sample.name), Size: int64(len(p.sample.content))}
	release := func() {}
	if !r.stuck.Load() {
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
	r.made = append(r.made, p)
	r.mu.Unlock()
	r.started.Go(func() {
		defer release()
		defer close(p.ended)
		p.story = r.follow(ctx, p)
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
		return "", errors.New("the bucket keeps no versions any more, to which verdicts are bound")
	}
	return *out.VersionId, nil
}
