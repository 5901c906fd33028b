package verify

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// maxTries is the number of objects with which a check tries a request that must come before the stack's own.
const maxTries = 5

var checkGateUnjudged = Check{
	Name: "gate-unjudged", Claim: "an object without a verdict cannot be read",
	Needs: []string{"s3:GetObjectVersion", "s3:GetObjectVersionTagging"},
	Run: func(ctx context.Context, r *run) Line {
		if gate := r.stack.Parameters["ReadGate"]; gate != "clean-only" {
			return off("ReadGate=%s lets it be read", gate)
		}
		for n := range maxTries {
			p := r.uploadExtra(ctx, fmt.Sprintf("unjudged-%d.txt", n), slowText(r.id, fmt.Sprint("unjudged ", n), n))
			if p.err != nil {
				return errorLine(ctx, p.err, "upload "+p.object.Key, "s3:PutObject")
			}
			_, err := r.download(ctx, p.object.Bucket, p.object.Key, p.object.VersionID)
			// A verdict is never removed. If the object has none now, it had none during the request.
			tag, tagErr := r.verdictOn(ctx, p.object)
			switch {
			case isMissing(tagErr) || tag != "":
				continue // it has a verdict already, so this try proves nothing
			case tagErr != nil:
				return errorLine(ctx, tagErr, "read the tags of "+p.object.String(), "s3:GetObjectVersionTagging")
			}
			return r.shut(ctx, err, "it had no verdict when it was tried")
		}
		return notChecked("each of %d objects was judged before it could be tried", maxTries)
	},
}

var checkGateInfected = Check{
	Name: "gate-infected", Claim: "an infected object cannot be read before it is moved",
	Needs: []string{"s3:GetObjectVersion", "s3:GetObjectVersionTagging"},
	Run: func(ctx context.Context, r *run) Line {
		if gate := r.stack.Parameters["ReadGate"]; gate == "off" {
			return off("ReadGate=off lets it be read")
		}
		const maxTries = 3 // each infection is announced
		var never string
		for n := range maxTries {
			p := r.uploadExtra(ctx, fmt.Sprintf("infected-%d.zip", n), infectedZip(r.id, fmt.Sprint("infected ", n)))
			if p.err != nil {
				return errorLine(ctx, p.err, "upload "+p.object.Key, "s3:PutObject")
			}
			for moved := false; !moved; {
				tag, err := r.verdictOn(ctx, p.object)
				if tag == string(job.Infected) {
					if _, err = r.download(ctx, p.object.Bucket, p.object.Key, p.object.VersionID); awsclient.Status(
						err,
					) != http.StatusNotFound {
						return r.shut(ctx, err, "it was tagged INFECTED when it was tried")
					}
				}
				switch {
				case isMissing(err):
					moved = true
				case err != nil:
					return errorLine(ctx, err, "read the tags of "+p.object.String(), "s3:GetObjectVersionTagging")
				}
				select {
				case <-ctx.Done():
					return errorLine(ctx, ctx.Err(), "see "+p.object.Key+" tagged INFECTED", "")
				case <-p.ended:
					if moved = true; p.execution.job.Scan == nil ||
						p.execution.status != history.Succeeded {
						never = cmp.Or(p.execution.problem, p.execution.failureText())
					}
				case <-time.After(2 * time.Millisecond):
				}
			}
		}
		if never != "" {
			return notChecked("none was seen tagged INFECTED: %s", never)
		}
		return notChecked("each of %d objects was moved before it could be tried", maxTries)
	},
}

// canRead reports whether the caller can read a CLEAN object of the uploads bucket, without which a refused read proves
// nothing. With three buckets such an object stays there for a moment only, between its tag and its promotion.
func (r *run) canRead(ctx context.Context) (seen string, ok bool) {
	if !r.stack.threeBuckets() {
		p, line := r.probe(ctx, clean)
		if line != nil {
			return "there is no CLEAN object for comparison: " + line.Seen, false
		}
		if _, err := r.download(ctx, p.object.Bucket, p.object.Key, p.object.VersionID); err != nil {
			return "so is reading a CLEAN object (s3:GetObjectVersion)", false
		}
		return "the CLEAN object can be read", true
	}
	for n := range maxTries {
		name := fmt.Sprintf("readable-%d.txt", n)
		p := r.uploadExtra(ctx, name, cleanText(r.id, name))
		for p.err == nil && ctx.Err() == nil {
			_, err := r.download(ctx, p.object.Bucket, p.object.Key, p.object.VersionID)
			if err == nil {
				return "a CLEAN object could be read before it was promoted", true
			}
			if isMissing(err) || isClosed(p.ended) {
				break
			}
		}
	}
	return fmt.Sprintf("of %d CLEAN objects none could be read before it was promoted, for comparison", maxTries), false
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
