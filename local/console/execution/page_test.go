package execution

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/console/view"
)

const (
	arn        = "arn:aws:states:us-east-1:000000000000:execution:lazaret-scan:a_txt-1"
	expressARN = "arn:aws:states:us-east-1:000000000000:express:lazaret-scan-express:a_txt-1:0b9a51b4"
	hostileKey = `"><script>alert(1)</script>` + "\u202egnp.exe"
)

var begin = time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)

// stack answers what the page asks.
type stack struct {
	execution  history.Execution
	events     []history.Event
	err        error
	definition func() ([]byte, error)
	windows    []history.Window
}

// input is the job of an execution about an object whose key is hostile.
func input() string {
	return fmt.Sprintf(`{"version":1,"object":{"bucket":"uploads","key":%q,"versionId":"v1","size":2048}}`, hostileKey)
}

// newStack returns a stack whose execution has been fetched at its second attempt, and is being scanned again.
func newStack(t *testing.T) *stack {
	t.Helper()
	event := func(second int, kind history.Kind, state, data, failure string) history.Event {
		return history.Event{
			Time: begin.Add(time.Duration(second) * time.Second), Kind: kind, State: state, Data: data, Error: failure,
			Cause: map[bool]string{true: `{"errorMessage":"<img src=x onerror=alert(2)>"}`}[failure != ""],
		}
	}
	return &stack{
		execution: history.Execution{
			ARN: arn, Name: "a_txt-1", Lane: history.Standard, Status: history.Running, Started: begin, Input: input(),
		},
		events: []history.Event{
			event(0, history.Began, "", input(), ""),
			event(0, history.Entered, "Fetch", input(), ""), event(0, history.Attempted, "Fetch", "", ""),
			event(1, history.AttemptFailed, "Fetch", "", "Transient"), event(3, history.Attempted, "Fetch", "", ""),
			event(4, history.AttemptSucceeded, "Fetch", "{}", ""), event(4, history.Left, "Fetch", `{"of":"fetch"}`, ""),
			event(4, history.Entered, "Scan", `{"to":"scan"}`, ""), event(4, history.Attempted, "Scan", "", ""),
			event(9, history.AttemptFailed, "Scan", "", "Engine<b>"), event(11, history.Attempted, "Scan", "", ""),
		},
		definition: func() ([]byte, error) { return os.ReadFile("../../../statemachine/scan.asl.json") },
	}
}

// ended lets the execution end.
func (s *stack) ended() *stack {
	end := begin.Add(20 * time.Second)
	s.events = append(s.events,
		history.Event{Time: end, Kind: history.AttemptSucceeded, State: "Scan"},
		history.Event{Time: end, Kind: history.Left, State: "Scan", Data: "{}"},
		history.Event{Time: end, Kind: history.Ended, Status: history.Succeeded, Data: "{}"})
	s.execution.Status, s.execution.Stopped = history.Succeeded, end
	return s
}

// get asks for a page.
func (s *stack) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	Page{
		View: &view.View{StreamEvery: time.Millisecond},
		Read: func(_ context.Context, _ string, w history.Window) (history.Execution, []history.Event, error) {
			s.windows = append(s.windows, w)
			return s.execution, s.events, s.err
		},
		Definition: func(context.Context, string) ([]byte, error) {
			return s.definition()
		},
	}.Routes(mux)
	w := httptest.NewRecorder()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
	return w
}

var spaces = regexp.MustCompile(`\s+`)

// text returns what a reader sees of a page.
func text(page string) string {
	withoutTags := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " ")
	return spaces.ReplaceAllString(html.UnescapeString(withoutTags), " ")
}

func TestPage(t *testing.T) {
	t.Parallel()
	lost := newStack(t)
	lost.err = fmt.Errorf("read it: %w", history.ErrNotFound)
	broken := newStack(t)
	broken.err = errors.New("AWS is away")
	undefined := newStack(t)
	undefined.definition = func() ([]byte, error) { return nil, errors.New("not permitted to describe") }
	for name, c := range map[string]struct {
		stack   *stack
		path    string
		status  int
		has     []string // texts of the page
		html    []string // parts of its HTML
		hasNone []string
	}{
		"running": {
			newStack(t), "/executions/" + arn, 200,
			[]string{
				"The execution is in the state Scan, where 1 attempt has failed.", "Running standard", "Retrying", "Engine<b>",
				`<img src=x onerror=alert(2)>`, "Scans the work file with clamd", `"to": "scan"`, "2.0 KiB", `\u202egnp.exe`,
			},
			[]string{
				`data-live="/executions/`, `class="graph-state graph-task is-retrying is-chosen"`,
				`class="graph-state graph-task is-retried"`, `class="graph-way is-taken" data-from="Fetch" data-to="Scan"`,
				`data-scroll=".is-chosen"`,
			},
			[]string{`"of": "fetch"`},
		},
		"another state": {
			newStack(t), "/executions/" + arn + "?state=Fetch", 200,
			[]string{"Transient", `"of": "fetch"`, "4.00 s, 2 attempts", "success", "2.00 s"},
			[]string{`class="graph-state graph-task is-retried is-chosen"`},
			[]string{`"to": "scan"`},
		},
		"a state that was not entered": {
			newStack(t), "/executions/" + arn + "?state=Quarantine", 200,
			[]string{"Not entered", "Copies the version to the quarantine bucket"},
			nil,
			[]string{"Attempts No."},
		},
		"ended": {
			newStack(t).ended(), "/executions/" + arn, 200,
			[]string{"The execution has the status Succeeded, after 20.0 s.", "20.0 s in all"},
			[]string{`data-scroll=".graph-start"`},
			[]string{"data-live"},
		},
		"a state that does not exist": {
			newStack(t), "/executions/" + arn + "?state=%3Cb%3E", 404, []string{"The state machine has no state <b>."}, nil, nil,
		},
		"a visit that was not": {
			newStack(t), "/executions/" + arn + "?state=Scan&visit=2", 404,
			[]string{"The execution was in the state Scan 1 time."},
			nil, nil,
		},
		"no number of a visit": {
			newStack(t), "/executions/" + arn + "?state=Scan&visit=x", 404, []string{"in the state Scan 1 time"}, nil, nil,
		},
		"no ARN":       {newStack(t), "/executions/%3Cb%3E", 400, []string{"no ARN of an execution: <b>"}, nil, nil},
		"another time": {newStack(t), "/executions/" + arn + "?since=1y", 400, []string{"a time that the page does not have"}, nil, nil},
		"not there":    {lost, "/executions/" + arn, 404, []string{"There is no execution " + arn}, nil, nil},
		"an express execution that is not in the log": {
			lost, "/executions/" + expressARN, 200,
			[]string{"No such execution in the last 24 hours", "Search the last 90 days"},
			[]string{`href="/executions/` + expressARN + `?since=90d"`},
			nil,
		},
		"an express execution that is nowhere": {
			lost, "/executions/" + expressARN + "?since=90d", 404, []string{"There is no execution"}, nil, nil,
		},
		"AWS is away": {broken, "/executions/" + arn, 502, []string{"The page could not be read.", "AWS is away"}, nil, nil},
		"no definition": {
			undefined, "/executions/" + arn, 200,
			[]string{"read the definition of the state machine: not permitted to describe", "Timeline", "Retrying"},
			nil,
			[]string{"graph-state"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := c.stack.get(t, c.path)
			page := got.Body.String()
			if got.Code != c.status {
				t.Fatalf("got the status %d, want %d:\n%s", got.Code, c.status, text(page))
			}
			for _, want := range c.has {
				if !strings.Contains(text(page), want) {
					t.Errorf("got no %q in the page:\n%s", want, text(page))
				}
			}
			for _, want := range c.html {
				if !strings.Contains(page, want) {
					t.Errorf("got no %q in the page:\n%s", want, page)
				}
			}
			for _, none := range c.hasNone {
				if strings.Contains(page, none) || strings.Contains(text(page), none) {
					t.Errorf("got %q in the page, want none", none)
				}
			}
			checkHostile(t, page)
		})
	}
}

// checkHostile fails the test if a text of others has become a part of the page, or if the page needs what the
// Content-Security-Policy forbids.
func checkHostile(t *testing.T, page string) {
	t.Helper()
	for _, bad := range []string{
		"<script>alert", "<img", "onerror=alert(2)>", "\u202e", " style=", "<style", "javascript:", "Engine<b>",
	} {
		if strings.Contains(page, bad) {
			t.Errorf("got %q in the page, want it escaped or gone", bad)
		}
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.get(t, "/executions/"+expressARN)
	s.get(t, "/executions/"+expressARN+"?since=90d")
	if !s.windows[0].Since.IsZero() || time.Since(s.windows[1].Since).Round(time.Hour) != 90*24*time.Hour {
		t.Errorf("got the windows %v, want the default one and 90 days", s.windows)
	}
}

// TestLive holds that the stream has the content of the page, and ends with the execution.
func TestLive(t *testing.T) {
	t.Parallel()
	got := newStack(t).ended().get(t, "/executions/"+arn+"/live?state=Fetch")
	stream := got.Body.String()
	if got.Header().Get("Content-Type") != "text/event-stream; charset=utf-8" ||
		!strings.Contains(stream, "event: update\n") || !strings.HasSuffix(stream, "event: done\ndata: \n\n") {
		t.Errorf("got %v %.300s…, want one update and the end", got.Header(), stream)
	}
	if !strings.Contains(stream, "data: <section") || !strings.Contains(stream, "is-retried is-chosen") {
		t.Errorf("got %s, want the page's content with the chosen state", stream)
	}
	checkHostile(t, stream)
}

// TestLiveSurvivesErrors holds that the stream goes on after an error of AWS.
func TestLiveSurvivesErrors(t *testing.T) {
	t.Parallel()
	s := newStack(t).ended()
	page := Page{
		View: &view.View{StreamEvery: time.Millisecond},
		Read: func(context.Context, string, history.Window) (history.Execution, []history.Event, error) {
			if s.windows = append(s.windows, history.Window{}); len(s.windows) == 1 {
				return s.execution, nil, errors.New("throttled")
			}
			return s.execution, s.events, nil
		},
		Definition: func(context.Context, string) ([]byte, error) { return s.definition() },
	}
	mux := http.NewServeMux()
	page.Routes(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/executions/"+arn+"/live", nil))
	stream := w.Body.String()
	if !strings.HasPrefix(stream, "event: trouble\ndata: throttled") || !strings.Contains(stream, "event: done") {
		t.Errorf("got %.200s…, want the trouble, and then the end", stream)
	}
}

func TestStyle(t *testing.T) {
	t.Parallel()
	got := newStack(t).get(t, "/assets/graph.css")
	if got.Header().Get("Content-Type") != "text/css; charset=utf-8" ||
		!strings.Contains(got.Body.String(), ".graph-state") {
		t.Errorf("got %v %.100s, want the style sheet of drawings", got.Header(), got.Body)
	}
}
