package explain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/original"
	"github.com/lazaret/lazaret/internal/permit"
	"github.com/lazaret/lazaret/internal/verdicttag"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/cmd/lazaret/wait"
)

// ErrNoBucket says that there is no such bucket, or that the caller may not list it.
var ErrNoBucket = errors.New("cannot list the bucket")

// found is what was found about an object.
type found struct {
	explainer  *Explainer
	object     job.Object // with the version that the page is about, if there is one
	parameters map[string]string
	bucket     bucketKind

	version   *Version // nil if S3 does not have it any more
	marker    bool     // a delete marker is in its place
	others    int      // other versions of the key
	newest    string   // id of the newest version of the key, if a delete marker hides it
	tags      map[string]string
	verdict   *Verdict
	copy      *job.Copy // to which the object was moved
	copyKnown bool      // false if it could not be found out whether there is one

	released *decision.Record // if the copy in quarantine was put back, and its signature is still allowed
	refused  string           // why it cannot be put back

	executions []Execution
	letters    []Letter
	waiting    int // messages of the queues of uploads and rescans
	notKnown   []string
}

// bucketKind is what the bucket is to the stack.
type bucketKind int

const (
	unwatched bucketKind = iota
	uploads
	existing
	quarantine
	cleanBucket
)

// unknown adds a line about what could not be found out.
func (f *found) unknown(format string, args ...any) {
	f.notKnown = append(f.notKnown, fmt.Sprintf(format, args...))
}

// find collects what S3, the executions and the queues know about an object.
func (e *Explainer) find(ctx context.Context, wanted job.Object) (*found, error) {
	f := &found{
		explainer: e, object: wanted, parameters: map[string]string{}, executions: []Execution{}, letters: []Letter{},
	}
	d, err := deployment.Describe(ctx, e.clients.Stacks, e.stack.Name)
	if err != nil {
		f.unknown("the stack's parameters: %v", err)
	} else {
		f.parameters = d.Parameters
	}
	f.bucket = e.kindOf(wanted.Bucket, f.parameters)
	if err := f.readVersions(ctx, e.clients.S3); err != nil {
		return nil, err
	}
	f.readTags(ctx, e.clients.S3)
	f.readExecutions(ctx)
	f.adoptMoved()
	f.readCopy(ctx)
	f.completeVerdict()
	f.readRelease(ctx)
	f.readLetters(ctx)
	f.readQueues(ctx)
	return f, nil
}

// kindOf says what a bucket is to the stack.
func (e *Explainer) kindOf(bucket string, parameters map[string]string) bucketKind {
	switch bucket {
	case e.stack.Bucket("uploads"):
		return uploads
	case e.stack.Bucket("quarantine"):
		return quarantine
	case e.stack.Bucket("clean"):
		return cleanBucket
	}
	for name := range strings.SplitSeq(parameters["ExistingBuckets"], ",") {
		if strings.TrimSpace(name) == bucket {
			return existing
		}
	}
	return unwatched
}

// readVersions looks for the version in S3's list: HeadObject would be refused by the read gate.
func (f *found) readVersions(ctx context.Context, client S3) error {
	o := &f.object
	for page, err := range original.Pages(ctx, client, o.Bucket, o.Key) {
		if err != nil {
			return fmt.Errorf("%w %s (s3:ListBucketVersions): %w", ErrNoBucket, o.Bucket, err)
		}
		for _, v := range page.Versions {
			id, latest := aws.ToString(v.VersionId), aws.ToBool(v.IsLatest)
			if f.newest == "" {
				f.newest = id
			}
			if f.version != nil || id != o.VersionID && (o.VersionID != "" || !latest) {
				f.others++
				continue
			}
			f.version = &Version{
				ID: id, Size: aws.ToInt64(v.Size), Uploaded: aws.ToTime(v.LastModified).UTC(), Current: latest,
			}
			o.ETag, o.Size, o.LastModified = strings.Trim(aws.ToString(v.ETag), `"`), f.version.Size, f.version.Uploaded
		}
		for _, m := range page.Markers {
			named := o.VersionID != "" && aws.ToString(m.VersionId) == o.VersionID
			f.marker = f.marker || named || o.VersionID == "" && aws.ToBool(m.IsLatest)
		}
	}
	if f.version != nil {
		o.VersionID = f.version.ID
	}
	return nil
}

// readTags reads the verdict from the tags of the version.
func (f *found) readTags(ctx context.Context, client S3) {
	if f.version == nil {
		return
	}
	tags, err := tagsOf(ctx, client, f.object)
	if err != nil {
		f.unknown("the object's tags, and so its verdict (s3:GetObjectVersionTagging): %v", err)
		return
	}
	f.tags = tags
	f.setVerdict(f.tags)
}

// tagsOf returns the tags of an object version.
func tagsOf(ctx context.Context, client S3, o job.Object) (map[string]string, error) {
	in := &s3.GetObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key}
	if o.VersionID != "" && o.VersionID != "null" {
		in.VersionId = &o.VersionID
	}
	out, err := client.GetObjectTagging(ctx, in)
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, t := range out.TagSet {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}

// setVerdict takes the verdict of tags.
func (f *found) setVerdict(tags map[string]string) {
	status := job.Verdict(tags[verdicttag.Status])
	if status != job.Clean && status != job.Infected && status != job.Unscannable {
		return
	}
	f.verdict = &Verdict{
		Status: status, Detail: tags[verdicttag.Detail], Time: tags[verdicttag.Time],
		Definitions: tags[verdicttag.Definitions],
	}
}

// adoptMoved takes the version from the newest execution that has moved one, if the address names none and S3 has none.
// Executions about other versions are left out then.
func (f *found) adoptMoved() {
	if f.version != nil || f.marker || f.object.VersionID != "" {
		return
	}
	for _, x := range f.executions {
		if x.job.Copy != nil && x.job.Object.VersionID != "" {
			f.object.VersionID = x.job.Object.VersionID
			f.executions = slices.DeleteFunc(f.executions, func(other Execution) bool {
				return other.job.Object.VersionID != f.object.VersionID
			})
			return
		}
	}
}

// copyLimit is how long the copy of a version that is gone is looked for.
const copyLimit = 10 * time.Second

// readCopy finds out where the version was moved to, if it is gone.
func (f *found) readCopy(ctx context.Context) {
	for _, x := range f.executions {
		if x.job.Copy != nil && f.copy == nil {
			f.copy, f.copyKnown = x.job.Copy, true
		}
	}
	if f.version != nil || f.copy != nil || f.object.Pinned() == "" || f.marker {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, copyLimit)
	defer cancel()
	stack := f.explainer.stack
	r, err := wait.Verdict(ctx, f.explainer.clients.S3, wait.Buckets{
		Quarantine: stack.Bucket("quarantine"), Clean: stack.Bucket("clean"),
	}, f.object)
	if err != nil {
		if !errors.Is(err, wait.ErrGone) || errors.Is(awserr.Classify(err), job.ErrAccessDenied) {
			f.unknown("whether the version was moved: %v", err)
		}
		return
	}
	f.copy, f.copyKnown = r.Copy, true
	f.verdict = &Verdict{Status: r.Verdict, Detail: r.Detail, Time: r.Time, Definitions: r.Definitions}
}

// completeVerdict adds what only an execution knows, and the verdict of an object that is gone.
func (f *found) completeVerdict() {
	for _, x := range f.executions {
		scan := x.job.Scan
		if !scan.Known() {
			continue
		}
		at := scan.Time.UTC().Format(time.RFC3339)
		if f.verdict == nil && f.version == nil {
			f.verdict = &Verdict{Status: scan.Verdict, Detail: scan.Signature + string(scan.Reason), Time: at}
			if scan.Definitions != nil {
				f.verdict.Definitions = fmt.Sprint(scan.Definitions.Version)
			}
		}
		if f.verdict != nil && f.verdict.Status == scan.Verdict && (f.verdict.Time == at || f.verdict.Time == "") {
			f.verdict.Engine = strings.TrimSpace(scan.Engine.Name + " " + scan.Engine.Version)
			return
		}
	}
}

// readQueues reads how much waits, if nothing else says where the object is.
func (f *found) readQueues(ctx context.Context) {
	if f.version == nil || f.verdict != nil || len(f.executions)+len(f.letters) > 0 {
		return
	}
	stack := f.explainer.stack
	for _, url := range []string{stack.Uploads, stack.Rescans} {
		waiting, received, err := permit.Depth(ctx, f.explainer.clients.Queues, url)
		if err != nil {
			f.unknown("whether it waits in a queue (sqs:GetQueueAttributes): %v", err)
			f.waiting = max(f.waiting, 1) // "never started" is said only of what cannot be waiting
			continue
		}
		f.waiting += waiting + received
	}
}
