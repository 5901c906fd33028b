package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/verdicttag"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// verdictError returns the line of a sample that did not get its verdict about its bytes, or nil if it did.
func (r *run) verdictError(ctx context.Context, p *probe) *Line {
	line := func(l Line) *Line { return &l }
	s := p.execution
	hash := sha256.Sum256(p.sample.content)
	switch {
	case p.err != nil:
		return line(errorLine(ctx, p.err, "upload "+p.object.Key, "s3:PutObject"))
	case errors.Is(ctx.Err(), context.Canceled):
		return line(notChecked("stopped before %s had its verdict", p.sample.name))
	case s.problem != "" && s.status == "":
		return line(fail("%s has no verdict: %s", p.sample.name, s.problem))
	case s.err != nil:
		return line(
			errorLine(
				ctx,
				s.err,
				"look at the execution of "+p.sample.name,
				"states:GetExecutionHistory, logs:FilterLogEvents",
			),
		)
	case s.status == history.Unknown:
		return line(notChecked("CloudWatch has lost the end of the execution of %s", p.sample.name))
	case s.status != history.Succeeded:
		return line(fail("the execution of %s %s: %s", p.sample.name, s.status, s.failureText()))
	case s.job.Scan == nil || s.job.Scan.Verdict != p.sample.want:
		return line(fail("%s is %s, not %s", p.sample.name, s.job.Scan.Outcome(), p.sample.want))
	case s.job.Scan.SHA256 != hex.EncodeToString(hash[:]) || s.job.Scan.Size != p.object.Size:
		return line(
			fail(
				"the verdict on %s is about other bytes: %d bytes, SHA-256 %s",
				p.sample.name,
				s.job.Scan.Size,
				s.job.Scan.SHA256,
			),
		)
	}
	return nil
}

// verdictText returns a sample's verdict, the time that it took, and its retries.
func (p *probe) verdictText() string {
	text := fmt.Sprintf("%s after %s", p.execution.job.Scan.Outcome(), p.took())
	if n, first := p.execution.retries(); n > 0 {
		text += fmt.Sprintf(", %s tried again (%s)", times(n), first)
	}
	return text
}

// took returns the time from the upload to the tag or, without one, to the end.
func (p *probe) took() time.Duration {
	end := p.at
	for _, v := range p.execution.visits {
		if end = v.left; v.state == "Tag" {
			break
		}
	}
	return max(0, end.Sub(p.at)).Round(10 * time.Millisecond)
}

// download reads a version of an object, or the newest if version is "".
func (r *run) download(ctx context.Context, bucket, key, version string) ([]byte, error) {
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	out, err := r.s3.GetObject(ctx, in)
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	return io.ReadAll(io.LimitReader(out.Body, 1<<20))
}

// verdictOn returns the tag scan-status of an object's version, or "".
func (r *run) verdictOn(ctx context.Context, o job.Object) (string, error) {
	out, err := r.s3.GetObjectTagging(
		ctx,
		&s3.GetObjectTaggingInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: &o.VersionID},
	)
	if err != nil {
		return "", err
	}
	return verdicttag.Verdict(out.TagSet)[verdicttag.Status], nil
}

// exists reports whether an object's version exists. It does not read the object.
func (r *run) exists(ctx context.Context, o job.Object) (bool, error) {
	out, err := r.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &o.Bucket, Prefix: &o.Key})
	if err != nil {
		return false, err
	}
	for _, v := range out.Versions {
		if aws.ToString(v.Key) == o.Key && aws.ToString(v.VersionId) == o.VersionID {
			return true, nil
		}
	}
	return false, nil
}

// location returns where the object is after its execution.
func (p *probe) location() job.Object {
	o := p.object
	if c := p.execution.job.Copy; c != nil {
		o.Bucket, o.Key, o.VersionID = c.Bucket, c.Key, c.VersionID
	}
	return o
}

var checkClean = Check{
	Name: "clean", Claim: "a clean object gets CLEAN and can be read",
	Needs: []string{"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectVersionTagging"},
	Run: func(ctx context.Context, r *run) Line {
		p, line := r.probe(ctx, clean)
		if line != nil {
			return *line
		}
		where, want := p.location(), r.stack.uploads()
		if r.stack.threeBuckets() {
			want = r.stack.clean()
		}
		if where.Bucket != want {
			return fail("%s, but the object is in %s and not in %s", p.verdictText(), where.Bucket, want)
		}
		switch tag, err := r.verdictOn(ctx, where); {
		case err != nil:
			return errorLine(ctx, err, "read the tags of "+where.String(), "s3:GetObjectVersionTagging")
		case tag != string(job.Clean):
			return fail("%s, but its tag %s is %q", p.verdictText(), verdicttag.Status, tag)
		}
		content, err := r.download(ctx, where.Bucket, where.Key, where.VersionID)
		if err != nil {
			return errorLine(ctx, err, "read "+where.String()+", which is CLEAN", "s3:GetObjectVersion")
		}
		if !bytes.Equal(content, p.sample.content) {
			return fail("%s, but other bytes are read than were uploaded", p.verdictText())
		}
		if where.Bucket != p.object.Bucket {
			if left, err := r.exists(ctx, p.object); err == nil && left {
				return fail("%s, but it is still in %s as well", p.verdictText(), p.object.Bucket)
			}
		}
		return pass("%s; tagged, and read back from %s", p.verdictText(), where.Bucket)
	},
}

// checkEicars are the checks of the three samples that contain EICAR.
var checkEicars = []Check{
	{
		Name:  "eicar",
		Claim: "EICAR ends in quarantine",
		Needs: []string{"s3:ListBucketVersions"},
		Run:   quarantined(infected),
	},
	{
		Name:  "eicar-zip64",
		Claim: "EICAR in a zip64 archive ends in quarantine",
		Needs: []string{"s3:ListBucketVersions"},
		Run:   quarantined(zip64),
	},
	{
		Name:  "eicar-mail",
		Claim: "EICAR attached to a mail ends in quarantine",
		Needs: []string{"s3:ListBucketVersions"},
		Run:   quarantined(mail),
	},
}

func quarantined(name string) func(context.Context, *run) Line {
	return func(ctx context.Context, r *run) Line {
		p, line := r.probe(ctx, name)
		if line != nil {
			return *line
		}
		return r.checkQuarantined(ctx, p)
	}
}

// checkQuarantined checks that an object is in quarantine and nowhere else.
func (r *run) checkQuarantined(ctx context.Context, p *probe) Line {
	where := p.location()
	if where.Bucket != r.stack.quarantine() {
		return fail("%s, but the object was not moved to quarantine", p.verdictText())
	}
	switch arrived, err := r.exists(ctx, where); {
	case err != nil:
		return errorLine(ctx, err, "list the versions in "+where.Bucket, "s3:ListBucketVersions")
	case !arrived:
		return fail("%s, but %s is not there", p.verdictText(), where)
	}
	switch left, err := r.exists(ctx, p.object); {
	case err != nil:
		return errorLine(ctx, err, "list the versions in "+p.object.Bucket, "s3:ListBucketVersions")
	case left:
		return fail("%s, but %s is still there", p.verdictText(), p.object)
	}
	return pass("%s; it is in quarantine as %s and gone from %s", p.verdictText(), where.Key, p.object.Bucket)
}

var checkEncrypted = Check{
	Name: "encrypted", Claim: "an encrypted zip is UNSCANNABLE and cannot be read",
	Needs: []string{"s3:GetObjectVersion", "s3:GetObjectVersionTagging"},
	Run: func(ctx context.Context, r *run) Line {
		p, line := r.probe(ctx, encrypted)
		if line != nil {
			return *line
		}
		if why := p.execution.job.Scan.Reason; why != job.Encrypted {
			return fail("it is UNSCANNABLE for another reason: %s", why)
		}
		if r.stack.Parameters["QuarantineUnscannable"] == "true" {
			return r.checkQuarantined(ctx, p)
		}
		switch tag, err := r.verdictOn(ctx, p.object); {
		case err != nil:
			return errorLine(ctx, err, "read the tags of "+p.object.String(), "s3:GetObjectVersionTagging")
		case tag != string(job.Unscannable):
			return fail("%s, but its tag %s is %q", p.verdictText(), verdicttag.Status, tag)
		}
		_, err := r.download(ctx, p.object.Bucket, p.object.Key, p.object.VersionID)
		if gate := r.stack.Parameters["ReadGate"]; gate != "clean-only" {
			return off("%s; ReadGate=%s lets it be read (%s)", p.verdictText(), gate, answer(err))
		}
		return r.shut(ctx, err, p.verdictText())
	},
}

// shut returns the line of a read that the gate must refuse. Seen is what the check has seen before.
func (r *run) shut(ctx context.Context, err error, seen string) Line {
	switch {
	case err == nil && r.stack.exemptedBy("TrustedReaderArns") != "":
		return notChecked("%s; it could be read, but TrustedReaderArns exempts you from the gate", seen)
	case err == nil:
		return fail("%s, and it can be read: the read gate is open", seen)
	case !refused(err):
		return errorLine(ctx, err, "read it", "s3:GetObjectVersion")
	}
	control, ok := r.control()
	if !ok {
		return notChecked("%s; reading is refused, but %s", seen, control)
	}
	return pass("%s; reading is refused (%s), while %s", seen, answer(err), control)
}

// answer returns the result of a request in a few words.
func answer(err error) string {
	switch code := awsclient.Status(err); {
	case err == nil:
		return "200 OK"
	case code != 0:
		return fmt.Sprint(code)
	}
	return "no answer"
}
