package verdicttag_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/verdicttag"
)

// value is AWS's pattern for tag values.
var value = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// FuzzMerge checks that the object's own tags are unchanged, that S3 accepts the result, and that it
// has exactly one scan-status, in any spelling.
func FuzzMerge(f *testing.F) {
	f.Add("Eicar-Test-Signature", "project", "x", 3, 0)
	f.Add("Win.Trojan(1);\x00\xff", "scan-status", "CLEAN", 9, 0)
	f.Add(strings.Repeat("𐐀\u2028", 300), "Scan-Status", "CLEAN", 10, 1)
	f.Add(" ", "scan-definitions", "", 6, 2)
	f.Add("a", "SCAN-ſTATUS", "", 9, 2) // a long s, which is an s in some comparisons
	f.Fuzz(func(t *testing.T, signature, key, text string, n, kind int) {
		existing := tags(own(min(max(n, 0), 12))...)
		if len(existing) > 0 {
			existing[0].Key, existing[0].Value = &key, &text
		}
		scan := []job.Scan{
			infected(signature),
			{Verdict: job.Clean, Time: time.Unix(1, 0), Definitions: &job.Definitions{Version: n}},
			{Verdict: job.Unscannable, Reason: job.Damaged, Time: time.Unix(1, 0)},
			{Verdict: job.Verdict(text), Reason: job.Reason(signature)},
		}[kind&3]
		foreign := verdicttag.WithoutVerdict(existing)
		got, err := verdicttag.Writer{}.Merge(existing, scan)
		if err != nil {
			full, unknown := errors.Is(err, job.ErrTagLimit), errors.Is(err, job.ErrBadJob)
			if got != nil || full != (scan.Known() && len(foreign) >= verdicttag.Limit) || unknown == scan.Known() {
				t.Fatalf(
					"Merge with %d own tags = %v, %v, want a job.ErrTagLimit only if they leave no room",
					len(foreign),
					got,
					err,
				)
			}
			return
		}
		if len(got) > verdicttag.Limit || len(got) <= len(foreign) {
			t.Fatalf("%d tags, %d of them the object's own, want at most 10, with all of its own", len(got), len(foreign))
		}
		if diff := cmp.Diff(texts(foreign), texts(got[:len(foreign)])); diff != "" {
			t.Errorf("own tags changed (-want +got):\n%s", diff)
		}
		for _, tag := range existing {
			if lost := !slices.Contains(texts(got), *tag.Key+"="+*tag.Value); lost &&
				!strings.EqualFold(*tag.Key, verdicttag.Status) &&
				!slices.Contains(verdicttag.Keys, *tag.Key) {
				t.Errorf("own tag %s=%s is missing, want it", *tag.Key, *tag.Value)
			}
		}
		spoken := 0
		for _, tag := range got {
			if strings.EqualFold(*tag.Key, verdicttag.Status) {
				spoken++
			}
		}
		if verdict := got[len(foreign)]; spoken != 1 || *verdict.Key != verdicttag.Status ||
			*verdict.Value != string(scan.Verdict) {
			t.Errorf("%d verdicts, the first tag of it is %s=%s, want one", spoken, *verdict.Key, *verdict.Value)
		}
		accepted(t, got[len(foreign):])
		again, err := verdicttag.Writer{}.Merge(got, scan)
		if diff := cmp.Diff(texts(got), texts(again)); diff != "" || err != nil {
			t.Errorf("a second merge differs: %v (-first +second):\n%s", err, diff)
		}
	})
}

// accepted checks what S3 requires of tags.
func accepted(t *testing.T, verdict []types.Tag) {
	t.Helper()
	var seen []string
	for _, tag := range verdict {
		if slices.Contains(seen, *tag.Key) {
			t.Errorf("key %s twice, want each once", *tag.Key)
		}
		seen = append(seen, *tag.Key)
		if *tag.Value == "" || !value.MatchString(*tag.Value) || len(utf16.Encode([]rune(*tag.Value))) > 256 {
			t.Errorf("value %q, want one that S3 accepts", *tag.Value)
		}
	}
}
