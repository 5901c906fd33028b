package redrive

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
)

func TestGroups(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	g := Groups{MaxLetters: 2}
	for i := range 3 {
		o := job.Object{Bucket: "b", Key: fmt.Sprintf("k %d", i), VersionID: "v"}
		g.Add(Letter{
			Error: "TagLimit", Cause: "tag " + o.String() + ": 10 tags", Objects: []job.Object{o}, MessageID: fmt.Sprint(i),
			Sent: begin.Add(time.Duration(i) * time.Hour), Body: "long",
		})
	}
	g.Add(Letter{Error: "AccessDenied"})
	for i := range maxCauses + 5 {
		g.Add(Letter{Error: "Engine", Cause: fmt.Sprint("cause ", i)})
	}
	all := g.Sorted()
	var names []string
	for _, group := range all {
		names = append(names, fmt.Sprintf("%s %d", group.Error, group.Count))
	}
	if want := []string{"Engine 15", "TagLimit 3", "AccessDenied 1"}; !slices.Equal(names, want) || g.Count != 19 {
		t.Fatalf("got %q and %d in all, want %q and 19", names, g.Count, want)
	}
	if n := len(all[0].Causes); n != maxCauses {
		t.Errorf("got %d causes, want %d", n, maxCauses)
	}
	tagLimit := all[1]
	if len(tagLimit.Causes) != 1 || tagLimit.Causes[0].Count != 3 ||
		tagLimit.Causes[0].Text != "tag 's3://b/k 0?versionId=v': 10 tags" {
		t.Errorf("causes that differ in the object alone: got %+v, want one", tagLimit.Causes)
	}
	if !tagLimit.Oldest.Equal(begin) || !tagLimit.Newest.Equal(begin.Add(2*time.Hour)) ||
		!tagLimit.Expires().Equal(begin.Add(Retention)) {
		t.Errorf("got the times %v, %v and %v", tagLimit.Oldest, tagLimit.Newest, tagLimit.Expires())
	}
	if len(tagLimit.Letters) != 2 || tagLimit.Letters[0].Body != "" || tagLimit.Letters[1].MessageID != "1" {
		t.Errorf("got the letters %+v, want the first two without their bodies", tagLimit.Letters)
	}
	if expires := all[2].Expires(); !expires.IsZero() {
		t.Errorf("without a time: got %v", expires)
	}
}

func TestRemarks(t *testing.T) {
	t.Parallel()
	if got := (Result{Seen: 3, Redriven: 3}).Remarks(); got != nil {
		t.Errorf("nothing remarkable: got %q", got)
	}
	all := Result{HiddenByOthers: 1, FailedAgain: 2, Newer: 3, More: true, LostAnswers: 1, StillHidden: 1}.Remarks()
	if len(all) != 6 || all[1] != "2 dead letters left, because this run has redriven the same object: it failed again, or had two letters" {
		t.Errorf("got %q", all)
	}
}
