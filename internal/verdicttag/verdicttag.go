// Package verdicttag knows the object tags that hold a verdict: their keys, which of them are left out
// if there is no room, and which characters S3 accepts. Function tag writes them, quarantine adds them
// to copies of objects that could not be tagged, and policies and the operator's command read them.
// The package never changes or drops a tag that is the object's own.
package verdicttag

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/guardduty"
	"github.com/lazaret/lazaret/internal/job"
)

// The keys. Policies read only Status; the other tags are for people and may be missing.
const (
	Status      = "scan-status"      // CLEAN, INFECTED or UNSCANNABLE
	Time        = "scan-time"        // RFC 3339, UTC
	Detail      = "scan-detail"      // the signature or the reason, or decision.DetailAllowed
	Definitions = "scan-definitions" // version of the daily set
)

// Keys lists the keys. If there is no room for all of them, the last ones are left out.
var Keys = []string{Status, Time, Detail, Definitions}

// GuardDuty is the key of a second tag for readers and policies that know the one of GuardDuty. It holds the result in
// GuardDuty's words (guardduty.Status). A stack writes it with the parameter GuardDutyTag only. Without it, a tag of
// this key is the object's own.
const GuardDuty = "GuardDutyMalwareScanStatus"

// Writer says which tags a stack writes.
type Writer struct {
	GuardDuty bool // the tag GuardDuty too
}

// S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
const (
	Limit    = 10  // tags on one object
	valueLen = 256 // UTF-16 code units in a tag's value
)

// Merge returns the object's own tags, unchanged and in their order, followed by the tags of the
// verdict in scan. Verdict tags in existing are replaced or removed. If room is short, Definitions is
// left out first, then Detail, then Time, and GuardDuty last. The error is a job.ErrTagLimit if the own
// tags leave no room for Status, and a job.ErrBadJob if scan holds no valid verdict.
func (w Writer) Merge(existing []types.Tag, scan job.Scan) ([]types.Tag, error) {
	if !scan.Known() {
		return nil, fmt.Errorf("%w: %q is not a valid verdict", job.ErrBadJob, scan.Verdict)
	}
	tags := w.WithoutVerdict(existing)
	free := Limit - len(tags)
	if free < 1 {
		return nil, fmt.Errorf("%w: the object has %d tags of its own, S3 allows %d in all",
			job.ErrTagLimit, len(tags), Limit)
	}
	values := map[string]string{Status: string(scan.Verdict)}
	switch scan.Verdict {
	case job.Infected:
		values[Detail] = sanitise(scan.Signature)
	case job.Unscannable:
		values[Detail] = string(scan.Reason)
	case job.Clean:
		if scan.Detail == decision.DetailAllowed { // other details are for the record only
			values[Detail] = scan.Detail
		}
	}
	if !scan.Time.IsZero() {
		values[Time] = scan.Time.UTC().Format(time.RFC3339)
	}
	if scan.Definitions != nil {
		values[Definitions] = strconv.Itoa(scan.Definitions.Version)
	}
	if w.GuardDuty {
		values[GuardDuty] = string(guardduty.StatusOf(&scan))
	}
	for _, key := range slices.Insert(slices.Clone(Keys), 1, GuardDuty) {
		if free > 0 && values[key] != "" {
			tags = append(tags, types.Tag{Key: aws.String(key), Value: aws.String(values[key])})
			free--
		}
	}
	return tags, nil
}

// WithoutVerdict returns the tags that this writer does not write, in their order: see the function of that name.
func (w Writer) WithoutVerdict(tags []types.Tag) []types.Tag {
	own := WithoutVerdict(tags)
	if !w.GuardDuty {
		return own
	}
	return slices.DeleteFunc(own, func(t types.Tag) bool { return strings.EqualFold(aws.ToString(t.Key), GuardDuty) })
}

// WithoutVerdict returns the tags that hold no verdict, in their order. S3 distinguishes keys by case,
// but names of IAM condition keys ignore case, so that a tag "Scan-Status" could satisfy a policy that
// reads scan-status. It is left out in every spelling:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
func WithoutVerdict(tags []types.Tag) []types.Tag {
	own := make([]types.Tag, 0, Limit)
	for _, t := range tags {
		key := aws.ToString(t.Key)
		if !slices.Contains(Keys, key) && !strings.EqualFold(key, Status) {
			own = append(own, t)
		}
	}
	return own
}

// Verdict returns the values of the verdict tags by key. It does not say whether Lazaret wrote them.
func Verdict(tags []types.Tag) map[string]string {
	found := make(map[string]string, len(Keys))
	for _, t := range tags {
		if key := aws.ToString(t.Key); slices.Contains(Keys, key) {
			found[key] = aws.ToString(t.Value)
		}
	}
	return found
}

// Earlier returns the verdict in values of Verdict, nil without a known one.
func Earlier(values map[string]string) *job.Earlier {
	e := job.Earlier{Verdict: job.Verdict(values[Status])}
	if severity[e.Verdict] == 0 {
		return nil
	}
	if at, err := time.Parse(time.RFC3339, values[Time]); err == nil {
		e.Time = at.UTC()
	}
	e.Definitions, _ = strconv.Atoi(values[Definitions])
	return &e
}

// skew is how far the clocks of two functions may differ. Lambda's clocks differ by milliseconds, so a
// scan-time further in the future was not written by a scan.
const skew = 5 * time.Minute

// severity orders the verdicts from good to bad.
var severity = map[job.Verdict]int{job.Clean: 1, job.Unscannable: 2, job.Infected: 3}

// Stands reports whether the verdict in existing stays in place of the one in scan. It stays if an
// execution wrote it that scanned the same bytes later than scan did. Anybody who may write tags could
// have written it, so it can only stay if it is as bad as scan's verdict or worse: an INFECTED stays
// over an earlier CLEAN, and an earlier INFECTED replaces a later CLEAN. A later scan can therefore
// clear a false positive.
//
// Of two scans in the same second, the worse verdict stays. A scan-time that is in the future or
// cannot be read does not come from a scan. Nor does a missing one where there is room for the tag;
// with nine tags of the object's own there is none, the order of the scans is unknown, and an INFECTED
// stays.
func Stands(existing []types.Tag, scan job.Scan, now time.Time) bool {
	there := Verdict(existing)
	standing, asking := severity[job.Verdict(there[Status])], severity[scan.Verdict]
	if standing == 0 || standing < asking {
		return false
	}
	value, dated := there[Time]
	if !dated {
		return standing > asking && standing == severity[job.Infected] && len(WithoutVerdict(existing)) == Limit-1
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil || at.After(now.Add(skew)) {
		return false
	}
	order := at.Compare(scan.Time.Truncate(time.Second))
	return order > 0 || order == 0 && standing > asking
}

// sanitise returns s as the value of a tag: it keeps letters, digits, spaces and + - = . _ : / @ of
// the Basic Multilingual Plane, replaces other characters by underscores, and cuts what exceeds S3's
// length. Names of signatures may hold any character.
func sanitise(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == valueLen {
			break
		}
		if r > 0xFFFF || !(unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" +-=._:/@", r)) {
			r = '_'
		}
		b.WriteRune(r)
		n++
	}
	return strings.TrimSpace(b.String())
}
