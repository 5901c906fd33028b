// Package verdicttag is the one place that knows the tags in which a verdict is
// written on an object: their keys, what gives way when there is no room, and
// which characters S3 takes. Tag writes them, quarantine adds them to copies
// that Tag could not reach, policies and the operator's command read them. It
// never changes or drops a tag that is the object's own.
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

	"github.com/lazaret/lazaret/internal/job"
)

// The keys. Status is the only one that policies read; the others are for
// people and may be missing.
const (
	Status      = "scan-status"      // CLEAN, INFECTED or UNSCANNABLE
	Time        = "scan-time"        // RFC 3339, UTC
	Detail      = "scan-detail"      // signature or reason
	Definitions = "scan-definitions" // daily's version number
)

// Keys lists the keys, those that give way first at the end.
var Keys = []string{Status, Time, Detail, Definitions}

// S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
const (
	Limit    = 10  // tags on one object
	valueLen = 256 // UTF-16 code units in a tag's value
)

// Merge returns the object's own tags, untouched and in their order, followed
// by those of the verdict. A verdict tag among existing is never trusted: it is
// replaced, or left out where the new verdict has no such tag. Where room is
// short Definitions goes first, then Detail, then Time. The error is a
// job.ErrTagLimit when the own tags leave no room at all, and a job.ErrBadJob
// when scan holds no known verdict.
func Merge(existing []types.Tag, scan job.Scan) ([]types.Tag, error) {
	if !scan.Known() {
		return nil, fmt.Errorf("%w: no known verdict to tag, but %q", job.ErrBadJob, scan.Verdict)
	}
	tags := Own(existing)
	room := Limit - len(tags)
	if room < 1 {
		return nil, fmt.Errorf("%w: the object has %d tags of its own, S3 allows %d in all", job.ErrTagLimit, len(tags), Limit)
	}
	values := map[string]string{Status: string(scan.Verdict)}
	switch scan.Verdict {
	case job.Infected:
		values[Detail] = sanitise(scan.Signature)
	case job.Unscannable:
		values[Detail] = string(scan.Reason)
	}
	if !scan.Time.IsZero() {
		values[Time] = scan.Time.UTC().Format(time.RFC3339)
	}
	if scan.Definitions != nil {
		values[Definitions] = strconv.Itoa(scan.Definitions.Version)
	}
	for _, key := range Keys {
		if room > 0 && values[key] != "" {
			tags = append(tags, types.Tag{Key: aws.String(key), Value: aws.String(values[key])})
			room--
		}
	}
	return tags, nil
}

// Own returns the tags that are not a verdict's, in their order. S3 tells keys
// apart by case, but a policy may not: names of IAM's condition keys ignore it
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html),
// so "Scan-Status" beside our own could speak for an object. It is no tag of the
// object's own in any spelling.
func Own(tags []types.Tag) []types.Tag {
	own := make([]types.Tag, 0, Limit)
	for _, t := range tags {
		key := aws.ToString(t.Key)
		if !slices.Contains(Keys, key) && !strings.EqualFold(key, Status) {
			own = append(own, t)
		}
	}
	return own
}

// Verdict returns the verdict tags among tags by key. It says what is written
// there and not that it is true.
func Verdict(tags []types.Tag) map[string]string {
	found := make(map[string]string, len(Keys))
	for _, t := range tags {
		if key := aws.ToString(t.Key); slices.Contains(Keys, key) {
			found[key] = aws.ToString(t.Value)
		}
	}
	return found
}

// skew is how far the clocks of two functions may be apart. Lambda's are within
// milliseconds; a scan-time that lies further ahead is nobody's scan.
const skew = 5 * time.Minute

// severity orders verdicts from good to bad.
var severity = map[job.Verdict]int{job.Clean: 1, job.Unscannable: 2, job.Infected: 3}

// Stands reports whether the verdict among existing stays in place of scan's,
// about the same bytes: one that an execution wrote which scanned them later,
// while the one that asks was slow. Nothing that is there is trusted to be ours
// when it would make an object look better, so only a verdict as bad as scan's
// or worse can stand: INFECTED never gives way to an earlier CLEAN, and an
// earlier INFECTED replaces a later CLEAN. A later scan clears a false positive.
//
// Of two scans in the same second the worse verdict stands. A time from the
// future, or one that cannot be read, is not ours, nor is a missing one where
// there was room for it; where nine tags of the object's own left none, the
// order is unknown, and an INFECTED stands.
func Stands(existing []types.Tag, scan job.Scan, now time.Time) bool {
	there := Verdict(existing)
	standing, asking := severity[job.Verdict(there[Status])], severity[scan.Verdict]
	if standing == 0 || standing < asking {
		return false
	}
	value, dated := there[Time]
	if !dated {
		return standing > asking && standing == severity[job.Infected] && len(Own(existing)) == Limit-1
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil || at.After(now.Add(skew)) {
		return false
	}
	order := at.Compare(scan.Time.Truncate(time.Second))
	return order > 0 || order == 0 && standing > asking
}

// sanitise makes s a tag value: letters, digits, the space and + - = . _ : / @
// of the Basic Multilingual Plane stay, anything else becomes an underscore, and
// what is beyond S3's length is cut. Signatures' names come from whoever wrote
// the database, so nothing is assumed of them.
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
