package pages

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
	"github.com/lazaret/lazaret/local/console/task"
)

// lettersInQueue are dead letters of three errors.
func lettersInQueue() []redrive.Letter {
	sent := time.Now().Add(-time.Hour)
	o := func(key string) []job.Object { return []job.Object{{Bucket: "b", Key: key, VersionID: "v"}} }
	return []redrive.Letter{
		{MessageID: "1", Error: "TagLimit", Cause: "tag in/x: 10 tags", Objects: o("in/x"), Sent: sent},
		{MessageID: "2", Error: "TagLimit", Cause: "tag in/y: 10 tags", Objects: o("in/y"), Sent: sent},
		{MessageID: "3", Error: "AccessDenied", Cause: hostileKey, Objects: o(hostileKey), Sent: sent},
		{MessageID: "5", Error: "AccessDenied", Cause: "read in/w: KMS refuses", Objects: o("in/w"), Sent: sent},
		{MessageID: "4", Error: redrive.NotUnderstood, Cause: "no JSON", Body: "x", Sent: sent},
	}
}

// newDeadLetters returns the page, and where the ids of letters are that it sends back.
func newDeadLetters(t *testing.T, failure error) (page DeadLetters, sent *[]string, changed *int) {
	t.Helper()
	sent, changed = new([]string), new(int)
	all := lettersInQueue()
	list := func(_ context.Context, _ int, choose func(redrive.Letter) bool) (r redrive.Result, err error) {
		for _, l := range all {
			r.Seen++
			choose(l)
		}
		return r, failure
	}
	read, err := ReadLetters(t.Context(), list)
	return DeadLetters{
		View: site(), Read: fixed(t, read, err), Tasks: task.NewRegistry(t.Context()), Reading: new(sync.Mutex),
		Changed: func() { *changed++ },
		Redrive: func(
			_ context.Context, choose func(redrive.Letter) bool, progress func(redrive.Result),
		) (r redrive.Result, err error) {
			for _, l := range all {
				r.Seen++
				if choose(l) {
					r.Redriven++
					*sent = append(*sent, l.MessageID)
				}
				progress(r)
			}
			return r, failure
		},
	}, sent, changed
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	page, _, _ := newDeadLetters(t, nil)
	code, body := get(t, page, "/dead-letters")
	if code != 200 {
		t.Errorf("got %d", code)
	}
	// Causes that differ in the object alone are one.
	wants(t, body, "5 dead letters", "TagLimit", "2 ×", "tag in/x: 10 tags", "in/y", `\u202e`, "Send all back",
		"/dead-letters/redrive?error=TagLimit", "Dispatch cannot read these")
}

func TestNoDeadLetters(t *testing.T) {
	t.Parallel()
	page, _, _ := newDeadLetters(t, nil)
	page.Read = fixed(t, Letters{}, nil)
	_, body := get(t, page, "/dead-letters")
	wants(t, body, "There are no dead letters")

	page.Read = fixed(t, Letters{}, errors.New("AccessDenied: "+hostileKey))
	_, body = get(t, page, "/dead-letters")
	wants(t, body, "AccessDenied")
}

// The second step names what will be sent, and the press sends exactly that.
func TestRedrive(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		choice url.Values
		asks   string // the heading of the second step
		want   []string
	}{
		"all":               {url.Values{"all": {"yes"}}, "Send 5 dead letters back?", []string{"1", "2", "3", "5", "4"}},
		"an error":          {url.Values{"error": {"TagLimit"}}, "Send 2 dead letters back?", []string{"1", "2"}},
		"a text":            {url.Values{"match": {"in/y"}}, "Send 1 dead letter back?", []string{"2"}},
		"a cause":           {url.Values{"match": {hostileKey}}, "Send 1 dead letter back?", []string{"3"}},
		"one of two causes": {url.Values{"match": {"KMS"}}, "Send 1 dead letter back?", []string{"5"}},
		"some":              {url.Values{"id": {"1", "3"}}, "Send 2 dead letters back?", []string{"1", "3"}},
		"some unreadable":   {url.Values{"id": {"2", "4"}}, "Send 1 dead letter back?", []string{"2"}},
		"the unreadable":    {url.Values{"error": {redrive.NotUnderstood}}, "No dead letter is chosen", nil},
		"none":              {url.Values{"match": {"nowhere"}}, "No dead letter is chosen", nil},
	} {
		page, sent, changed := newDeadLetters(t, nil)
		_, body := get(t, page, "/dead-letters/redrive?"+test.choice.Encode())
		wants(t, body, test.asks)
		if len(*sent) > 0 {
			t.Fatalf("%s: the second step has sent %q", name, *sent)
		}
		code, location := post(t, page, "/dead-letters/redrive", test.choice)
		if s := finish(t, page.Tasks, code, location); s.Error != "" {
			t.Errorf("%s: the task ended with %q", name, s.Error)
		}
		if !slices.Equal(*sent, test.want) || *changed != 1 {
			t.Errorf("%s: sent %q and said %d times that letters have changed, want %q and once", name, *sent, *changed, test.want)
		}
	}
}

func TestRedriveRefused(t *testing.T) {
	t.Parallel()
	for _, choice := range []url.Values{{}, {"all": {"yes"}, "error": {"x"}}, {"match": {""}}} {
		page, sent, _ := newDeadLetters(t, nil)
		if code, _ := get(t, page, "/dead-letters/redrive?"+choice.Encode()); code != 400 {
			t.Errorf("asking about %q: got %d, want 400", choice, code)
		}
		if code, _ := post(t, page, "/dead-letters/redrive", choice); code != 400 || len(*sent) > 0 {
			t.Errorf("choosing %q: got %d and sent %q, want 400 and nothing", choice, code, *sent)
		}
	}
}

func TestRedriveFails(t *testing.T) {
	t.Parallel()
	page, _, _ := newDeadLetters(t, nil)
	page.Redrive = func(context.Context, func(redrive.Letter) bool, func(redrive.Result)) (redrive.Result, error) {
		return redrive.Result{Redriven: 1, Seen: 3, HiddenByOthers: 2, Failures: []redrive.Failure{
			{Letter: lettersInQueue()[2], Reason: "no"},
		}}, nil
	}
	code, location := post(t, page, "/dead-letters/redrive", url.Values{"all": {"yes"}})
	s := finish(t, page.Tasks, code, location)
	if s.Error != "1 dead letter could not be sent back" || len(s.Lines) != 2 {
		t.Errorf("got the error %q and the lines %v, want the failure and the remark about hidden letters", s.Error, s.Lines)
	}
	_, body := get(t, Tasks{View: site(), Get: page.Tasks.Get}, location)
	wants(t, body, "could not be sent back", `\u202e`, "hidden at the beginning")
	_, body = get(t, Tasks{View: site(), Get: page.Tasks.Get}, location+"/live")
	wants(t, body, "event: update", "event: done")
	if code, _ := get(t, Tasks{View: site(), Get: page.Tasks.Get}, "/tasks/none"); code != 404 {
		t.Errorf("a task that is not known: got %d, want 404", code)
	}
}
