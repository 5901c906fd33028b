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
	"github.com/lazaret/lazaret/internal/freshclam"
	"github.com/lazaret/lazaret/internal/refresh"
)

// list asks the function freshclam, which alone can see them, for the definitions:
// the request of `lazaret definitions list`, which changes nothing.
func (r *run) list(ctx context.Context) (refresh.Listing, error) {
	var l refresh.Listing
	payload, err := json.Marshal(refresh.Request{Definitions: refresh.List})
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

// asking is the line of a listing that did not come.
func (r *run) asking(ctx context.Context, err error) Line {
	return unknown(
		ctx,
		err,
		"ask "+r.stack.function("freshclam")+" for its list of definitions",
		"lambda:InvokeFunction",
	)
}

var definitionsThere = Check{
	Name: "definitions", Claim: "definitions are there, young enough, and used by the engine",
	Needs: []string{"lambda:InvokeFunction"},
	Run: func(ctx context.Context, r *run) Line {
		l, err := r.listing()
		if err != nil {
			return r.asking(ctx, err)
		}
		i := slices.IndexFunc(l.Generations, func(g definitions.Generation) bool { return g.Fingerprint == l.Current })
		if l.Current == "" || i < 0 {
			return fail(
				"none are published: nothing is scanned until %s has brought some (lazaret definitions update)",
				r.stack.function("freshclam"),
			)
		}
		g := l.Generations[i]
		told := fmt.Sprintf("no daily set, %d signatures", g.Signatures)
		if !g.Built.IsZero() {
			age := time.Since(g.Built)
			told = fmt.Sprintf("daily %d, %.1f hours old, %d signatures", g.Version, age.Hours(), g.Signatures)
			if most, err := strconv.ParseFloat(
				r.stack.Parameters["MaxDefinitionsAge"],
				64,
			); err == nil && most > 0 &&
				age.Hours() > most {
				return fail("%s: older than MaxDefinitionsAge (%g hours), so that nothing is scanned", told, most)
			}
		}
		p, line := r.needs(ctx, clean)
		if line != nil {
			return notChecked("%s; which engine uses them is not known, since %s", told, line.Seen)
		}
		s := p.story.job.Scan
		if s.Engine.Name != "clamd" || s.Definitions == nil {
			return fail("%s; but no engine looked at the clean object (engine %q)", told, s.Engine.Name)
		}
		told += fmt.Sprintf("; engine %s %s", s.Engine.Name, s.Engine.Version)
		if s.Definitions.Fingerprint != g.Fingerprint {
			told += fmt.Sprintf(", which still uses daily %d (%s)", s.Definitions.Version, s.Definitions.Fingerprint)
		}
		if g.Built.IsZero() && r.stack.Account != localAccount {
			return fail("%s: without a daily set next to nothing is detected", told)
		}
		return pass("%s", told)
	},
}

// localAccount is the account of the local stack, which makes do with test
// definitions and runs no schedule.
const localAccount = "000000000000"

// goodOutcomes are those of a run of freshclam after which nothing is to be done.
var goodOutcomes = []freshclam.Outcome{
	freshclam.Updated,
	freshclam.Partial,
	freshclam.Current,
	freshclam.Behind,
	freshclam.CoolingDown,
	refresh.Busy,
	refresh.Pinned,
}

var freshclamRuns = Check{
	Name: "freshclam", Claim: "freshclam runs as scheduled, and its last run was good",
	Needs: []string{"lambda:InvokeFunction"},
	Run: func(ctx context.Context, r *run) Line {
		l, err := r.listing()
		if err != nil {
			return r.asking(ctx, err)
		}
		s, schedule := l.Status, r.stack.Parameters["FreshclamSchedule"]
		if s.Outcome == "" {
			if r.stack.Account == localAccount {
				return notChecked("it has not run; the local stack runs no schedule (lazaret definitions update does)")
			}
			return fail("it has never run, on a schedule of %s", schedule)
		}
		ago := time.Since(s.Time)
		told := fmt.Sprintf("%s ago (%s): %s", ago.Round(time.Minute), schedule, s.Outcome)
		if s.Detail != "" {
			told += ", " + brief(s.Detail)
		}
		for _, own := range s.Own {
			if own.Refused != "" {
				return fail("%s; own signatures %s are refused: %s", told, own.Name, brief(own.Refused))
			}
		}
		switch {
		case !slices.Contains(goodOutcomes, s.Outcome):
			return fail("the last run was %s", told)
		case r.stack.Account != localAccount && ago > overdue(schedule):
			return fail("the last run was %s: overdue", told)
		}
		return pass("the last run was %s", told)
	},
}

var rate = regexp.MustCompile(`^rate\((\d+) (hour|day)s?\)$`)

// overdue is how long ago a run may be: two intervals and the hour by which a run may
// be late; for a cron expression the 30 hours of the alarm definitions-silent.
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
