package verify

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/job"
)

// tries is how often something is tried that has to happen before the stack is done
// with an object.
const tries = 5

var unjudgedIsShut = Check{
	Name: "gate-unjudged", Claim: "an object without a verdict cannot be read",
	Needs: []string{"s3:GetObjectVersion", "s3:GetObjectVersionTagging"},
	Run: func(ctx context.Context, r *run) Line {
		if gate := r.stack.Parameters["ReadGate"]; gate != "clean-only" {
			return off("ReadGate=%s lets it be read", gate)
		}
		for n := range tries {
			p := r.extra(ctx, fmt.Sprintf("unjudged-%d.txt", n), lasting(r.id, fmt.Sprint("unjudged ", n), n))
			if p.err != nil {
				return unknown(ctx, p.err, "upload "+p.object.Key, "s3:PutObject")
			}
			_, err := r.download(ctx, p.object.Bucket, p.object.Key, p.object.VersionID)
			// Verdicts are never taken away: without one now, there was none then.
			tag, tagErr := r.verdictOn(ctx, p.object)
			switch {
			case missing(tagErr) || tag != "":
				continue // judged already: this try proves nothing
			case tagErr != nil:
				return unknown(ctx, tagErr, "read the tags of "+p.object.String(), "s3:GetObjectVersionTagging")
			}
			return r.shut(ctx, err, "it had no verdict when it was tried")
		}
		return notChecked("each of %d objects was judged before it could be tried", tries)
	},
}

var infectedIsShut = Check{
	Name: "gate-infected", Claim: "an infected object cannot be read before it is moved",
	Needs: []string{"s3:GetObjectVersion", "s3:GetObjectVersionTagging"},
	Run: func(ctx context.Context, r *run) Line {
		if gate := r.stack.Parameters["ReadGate"]; gate == "off" {
			return off("ReadGate=off lets it be read")
		}
		const tries = 3 // each is announced
		var never string
		for n := range tries {
			p := r.extra(ctx, fmt.Sprintf("infected-%d.zip", n), infectedOf(r.id, fmt.Sprint("infected ", n)))
			if p.err != nil {
				return unknown(ctx, p.err, "upload "+p.object.Key, "s3:PutObject")
			}
			for moved := false; !moved; {
				tag, err := r.verdictOn(ctx, p.object)
				if tag == string(job.Infected) {
					if _, err = r.download(
						ctx,
						p.object.Bucket,
						p.object.Key,
						p.object.VersionID,
					); status(
						err,
					) != http.StatusNotFound {
						return r.shut(ctx, err, "it was tagged INFECTED when it was tried")
					}
				}
				switch {
				case missing(err):
					moved = true
				case err != nil:
					return unknown(ctx, err, "read the tags of "+p.object.String(), "s3:GetObjectVersionTagging")
				}
				select {
				case <-ctx.Done():
					return unknown(ctx, ctx.Err(), "see "+p.object.Key+" tagged INFECTED", "")
				case <-p.ended:
					if moved = true; p.story.job.Scan == nil || p.story.status != types.ExecutionStatusSucceeded {
						never = cmp.Or(p.story.problem, p.story.failed())
					}
				case <-time.After(2 * time.Millisecond):
				}
			}
		}
		if never != "" {
			return notChecked("none was seen tagged INFECTED: %s", never)
		}
		return notChecked("each of %d objects was moved before it could be tried", tries)
	},
}

// canRead is the control of every refused read: the same caller reads an object of
// the uploads bucket that the gate lets through. In three-bucket one stays there for
// a moment only, between its tag and its promotion.
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
	for n := range tries {
		name := fmt.Sprintf("readable-%d.txt", n)
		p := r.extra(ctx, name, harmless(r.id, name))
		for p.err == nil && ctx.Err() == nil {
			_, err := r.download(ctx, p.object.Bucket, p.object.Key, p.object.VersionID)
			if err == nil {
				return "a CLEAN object could be read before it was promoted", true
			}
			if missing(err) || isClosed(p.ended) {
				break
			}
		}
	}
	return fmt.Sprintf("of %d CLEAN objects none could be read before it was promoted, for comparison", tries), false
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
