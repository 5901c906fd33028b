package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/update"
)

// listDefinitions sends the request of `lazaret definitions list`, which changes nothing, to the function freshclam.
func (r *run) listDefinitions(ctx context.Context) (update.Listing, error) {
	var l update.Listing
	payload, err := json.Marshal(update.Request{Definitions: update.List})
	if err != nil {
		return l, err
	}
	out, err := r.lambda.Invoke(
		ctx,
		&lambda.InvokeInput{FunctionName: aws.String(r.stack.function("freshclam")), Payload: payload},
	)
	if err != nil {
		return l, err
	}
	if out.FunctionError != nil {
		return l, errors.New(brief(string(out.Payload)))
	}
	return l, json.Unmarshal(out.Payload, &l)
}

// listingError returns the line of a check for which freshclam has not listed the definitions.
func (r *run) listingError(ctx context.Context, err error) Line {
	return errorLine(
		ctx,
		err,
		"ask "+r.stack.function("freshclam")+" for its list of definitions",
		"lambda:InvokeFunction",
	)
}

var checkDefinitions = Check{
	Name: "definitions", Claim: "definitions are there, young enough, and used by the engine",
	Needs: []string{"lambda:InvokeFunction"},
	Run: func(ctx context.Context, r *run) Line {
		l, err := r.listing()
		if err != nil {
			return r.listingError(ctx, err)
		}
		i := slices.IndexFunc(l.Generations, func(g definitions.Generation) bool { return g.Fingerprint == l.Current })
		if l.Current == "" || i < 0 {
			return fail(
				"none are published: nothing is scanned until %s has brought some (lazaret definitions update)",
				r.stack.function("freshclam"),
			)
		}
		g := l.Generations[i]
		seen := fmt.Sprintf("no daily set, %d signatures", g.Signatures)
		if !g.Built.IsZero() {
			age := time.Since(g.Built)
			seen = fmt.Sprintf("daily %d, %.1f hours old, %d signatures", g.Version, age.Hours(), g.Signatures)
			if most, err := strconv.ParseFloat(r.stack.Parameters["MaxDefinitionsAge"], 64); err == nil && most > 0 &&
				age.Hours() > most {
				return fail("%s: older than MaxDefinitionsAge (%g hours), so that nothing is scanned", seen, most)
			}
		}
		p, line := r.require(ctx, clean)
		if line != nil {
			return notChecked("%s; which engine uses them is not known, since %s", seen, line.Seen)
		}
		s := p.execution.job.Scan
		if s.Engine.Name != "clamd" || s.Definitions == nil {
			return fail("%s; but no engine looked at the clean object (engine %q)", seen, s.Engine.Name)
		}
		seen += fmt.Sprintf("; engine %s %s", s.Engine.Name, s.Engine.Version)
		if s.Definitions.Fingerprint != g.Fingerprint {
			seen += fmt.Sprintf(", which still uses daily %d (%s)", s.Definitions.Version, s.Definitions.Fingerprint)
		}
		if g.Built.IsZero() && r.stack.Account != localAccount {
			return fail("%s: without a daily set next to nothing is detected", seen)
		}
		return pass("%s", seen)
	},
}

// localAccount is the account of the local stack, which may use test definitions and runs no schedule.
const localAccount = "000000000000"

var checkFreshclam = Check{
	Name: "freshclam", Claim: "freshclam runs as scheduled, and its last run was good",
	Needs: []string{"lambda:InvokeFunction"},
	Run: func(ctx context.Context, r *run) Line {
		l, err := r.listing()
		if err != nil {
			return r.listingError(ctx, err)
		}
		s, schedule := l.Status, r.stack.Parameters["FreshclamSchedule"]
		if s.Outcome == "" {
			if r.stack.Account == localAccount {
				return notChecked("it has not run; the local stack does not run it on a schedule (lazaret definitions update does)")
			}
			return fail("it has never run, on a schedule of %s", schedule)
		}
		ago := time.Since(s.Time)
		seen := fmt.Sprintf("%s ago (%s): %s", ago.Round(time.Minute), schedule, s.Outcome)
		if s.Detail != "" {
			seen += ", " + brief(s.Detail)
		}
		if s.Held != nil && s.Outcome != update.Pinned {
			if s.Outcome != update.HeldBack { // its detail says so already
				seen += "; newer definitions are held back: " + brief(s.Held.String())
			}
			return fail(
				"the last run was %s; since %s (lazaret definitions names what ends it)",
				seen,
				s.Held.Since.UTC().Format(time.DateTime),
			)
		}
		if s.OwnDetections.Files > 0 {
			seen += ", and a signature of your own: " + brief(s.OwnDetections.String())
		}
		for _, own := range s.Own {
			if own.Refused != "" {
				return fail("%s; own signatures %s are refused: %s", seen, own.Name, brief(own.Refused))
			}
		}
		switch {
		case !update.Good(s.Outcome):
			return fail("the last run was %s", seen)
		case r.stack.Account != localAccount && ago > overdue(schedule):
			return fail("the last run was %s: overdue", seen)
		}
		return pass("the last run was %s", seen)
	},
}

var rate = regexp.MustCompile(`^rate\((\d+) (hour|day)s?\)$`)

// overdue returns how long ago the last run may be: two intervals, and one hour by which a run may be late. For a cron
// expression it returns the 30 hours of the alarm definitions-silent.
func overdue(schedule string) time.Duration {
	m := rate.FindStringSubmatch(schedule)
	if m == nil {
		return 30 * time.Hour
	}
	n, _ := strconv.Atoi(m[1]) // digits
	unit := time.Hour
	if m[2] == "day" {
		unit = 24 * time.Hour
	}
	return time.Duration(2*n)*unit + time.Hour
}
