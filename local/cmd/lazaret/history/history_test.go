package history_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// The executions of testdata.
const (
	tags    = "tags_txt-3257ff2c24bdbf2c3725ebadb04dbb0691124a30"
	letter  = "letter_txt-865e78a38975f205909b0adf6230a16fdc0a5e72"
	begin   = "arn:aws:states:us-east-1:000000000000:"
	tagsS   = begin + "execution:lazaret-scan:" + tags
	tagsE   = begin + "express:lazaret-scan-express:" + tags + ":0b9a51b4-7d0e-4c4b-8f53-2f0a7f6f9c22"
	letterE = begin + "express:lazaret-scan-express:" + letter + ":6f2f1c2a-3f7e-4a37-9a2e-5a3c8a1d0b11"
)

// TestEvents reads one history in both lanes, and expects the same of both.
func TestEvents(t *testing.T) {
	t.Parallel()
	standard, err := newStack(t, history.Standard).reader().Events(t.Context(), tagsS, window)
	if err != nil {
		t.Fatal(err)
	}
	express, err := newStack(t, history.Express).reader().Events(t.Context(), tagsE, window)
	if err != nil {
		t.Fatal(err)
	}
	inUTC := cmp.Transformer("ms", func(at time.Time) int64 { return at.UnixMilli() })
	if diff := cmp.Diff(standard, express, inUTC); diff != "" {
		t.Errorf("events (-STANDARD +EXPRESS):\n%s", diff)
	}
	var got []string
	for _, e := range standard {
		if e.Kind != history.Other {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%d %s %s %s %s", e.ID, e.State, e.Kind, e.Error, e.Status)))
		}
	}
	want := []string{
		"1  began", "2 Fetch entered", "3 Fetch attempted", "5 Fetch attempt succeeded", "6 Fetch left",
		"7 Scan entered", "8 Scan attempted", "10 Scan attempt succeeded", "11 Scan left",
		"12 Tag entered", "13 Tag attempted", "15 Tag attempt failed TagLimit", "16 Tag left",
		"17 Untagged entered", "18 Untagged left",
		"19 DeadLetter entered", "20 DeadLetter attempted", "22 DeadLetter attempt succeeded", "23 DeadLetter left",
		"24 Failed entered", "25  ended DeadLettered FAILED",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if first := standard[1]; !strings.Contains(first.Data, `"key":"letters/tags.txt"`) || first.Type != "TaskStateEntered" {
		t.Errorf("the first state's event is %+v, want the type TaskStateEntered and the job", first)
	}
}

// TestCutData reads an event whose input was too large for the log.
func TestCutData(t *testing.T) {
	t.Parallel()
	s := newStack(t, history.Express)
	s.lines = []string{line(1, "ExecutionStarted", at(60), "a:1",
		`"input":"{\"version\":1,\"ob","inputDetails":{"truncated":true}`)}
	got, err := s.reader().Events(t.Context(), expressARN("a:1"), window)
	if err != nil || len(got) != 1 || !got[0].Cut || got[0].Data != `{"version":1,"ob` {
		t.Errorf("Events() = %+v, %v, want one with the beginning of its data, and Cut", got, err)
	}
}

// line returns an event of the log. An execution is "<name>:<id>".
func line(id int, kind string, when time.Time, execution, details string) string {
	return fmt.Sprintf(`{"id":"%d","type":%q,"details":{%s},"previous_event_id":"%d","event_timestamp":"%d",`+
		`"execution_arn":%q,"redrive_count":"0"}`, id, kind, details, id-1, when.UnixMilli(), expressARN(execution))
}

func expressARN(execution string) string { return begin + "express:lazaret-scan-express:" + execution }

func TestGet(t *testing.T) {
	t.Parallel()
	for lane, arn := range map[history.Lane]string{history.Standard: tagsS, history.Express: tagsE} {
		got, err := newStack(t, lane).reader().Get(t.Context(), arn, window)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got.Input, `"letters/tags.txt"`) || !strings.Contains(got.Cause, "tag limit reached") {
			t.Errorf("%s: the input is %q, the cause %q, want the job and the reason", lane, got.Input, got.Cause)
		}
		got.Input, got.Cause = "", ""
		want := history.Execution{
			ARN: arn, Name: tags, Lane: lane, Status: history.Failed, Error: "DeadLettered",
			Started: at(56.785), Stopped: at(57.483),
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Errorf("%s: execution (-want +got):\n%s", lane, diff)
		}
	}
}

// TestNone asks about executions that are not there.
func TestNone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		workflow history.Lane
		arn      string
		want     error
	}{
		{history.Standard, tagsS + "x", history.ErrNotFound},
		{history.Express, tagsE + "x", history.ErrNotFound},
		{history.Standard, tagsE, history.ErrNoExpress},
	} {
		r := newStack(t, tt.workflow).reader()
		if got, err := r.Events(t.Context(), tt.arn, window); !errors.Is(err, tt.want) {
			t.Errorf("%s: Events(%s) = %v, %v, want %v", tt.workflow, tt.arn, got, err, tt.want)
		}
		if got, err := r.Get(t.Context(), tt.arn, window); !errors.Is(err, tt.want) {
			t.Errorf("%s: Get(%s) = %v, %v, want %v", tt.workflow, tt.arn, got, err, tt.want)
		}
	}
	r := newStack(t, history.Express).reader()
	if got, err := r.Events(t.Context(), tagsE, history.Window{Until: at(0)}); !errors.Is(err, history.ErrNotFound) {
		t.Errorf("in a window before it Events() = %v, %v, want %v", got, err, history.ErrNotFound)
	}
}

// row is an execution in a list, as text.
func row(e history.Execution) string {
	return fmt.Sprintf("%s %s %s %.3f-%.3f", e.Lane, e.Name, e.Status, seconds(e.Started), seconds(e.Stopped))
}

func seconds(when time.Time) float64 {
	if when.IsZero() {
		return 0
	}
	return when.Sub(at(0)).Seconds()
}

func rows(executions []history.Execution) (all []string) {
	for _, e := range executions {
		all = append(all, row(e))
	}
	return all
}

// list collects a list, and its errors.
func list(executions func(func(history.Execution, error) bool)) (all []string, errs error) {
	for e, err := range executions {
		if err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		all = append(all, row(e))
	}
	return all, errs
}

func TestList(t *testing.T) {
	t.Parallel()
	const (
		tagsInStandard  = "STANDARD " + tags + " FAILED 56.785-57.483"
		tagsInExpress   = "EXPRESS " + tags + " FAILED 56.785-57.483"
		letterInExpress = "EXPRESS " + letter + " SUCCEEDED 56.776-57.524"
	)
	for name, tt := range map[string]struct {
		workflow history.Lane
		add      []string // to the log
		window   history.Window
		want     []string
	}{
		"STANDARD":           {workflow: history.Standard, window: window, want: []string{tagsInStandard}},
		"EXPRESS":            {history.Express, nil, window, []string{tagsInStandard, tagsInExpress, letterInExpress}},
		"a day by default":   {history.Express, nil, history.Window{Until: at(86400)}, []string{tagsInStandard, tagsInExpress, letterInExpress}},
		"the second page":    {history.Express, nil, history.Window{Since: at(0), Until: at(56.78)}, []string{letterInExpress}},
		"too late":           {history.Express, nil, history.Window{Since: at(57), Until: at(3600)}, nil},
		"too early":          {history.Express, nil, history.Window{Since: at(-3600), Until: at(50)}, nil},
		"one that timed out": {history.Express, []string{line(1, "ExecutionStarted", at(100), "a:1", ""), line(9, "ExecutionTimedOut", at(400), "a:1", "")}, history.Window{Since: at(90), Until: at(300)}, []string{"EXPRESS a TIMED_OUT 100.000-400.000"}},
		"without an end":     {history.Express, []string{line(1, "ExecutionStarted", at(100), "a:1", "")}, history.Window{Since: at(90), Until: at(3600)}, []string{"EXPRESS a UNKNOWN 100.000-0.000"}},
		"without a beginning": {
			history.Express,
			[]string{line(9, "ExecutionSucceeded", at(500), "a:1", "")},
			history.Window{Since: at(90), Until: at(3600)},
			[]string{"EXPRESS a SUCCEEDED 0.000-500.000"},
		},
		"begun before the window": {history.Express, []string{line(9, "ExecutionSucceeded", at(200), "a:1", "")}, history.Window{Since: at(90), Until: at(3600)}, nil},
		"both in one millisecond": {
			history.Express,
			[]string{line(9, "ExecutionSucceeded", at(100), "a:1", ""), line(1, "ExecutionStarted", at(100), "a:1", "")},
			history.Window{Since: at(90), Until: at(3600)},
			[]string{"EXPRESS a SUCCEEDED 100.000-100.000"},
		},
		"logged twice": {
			history.Express,
			[]string{
				line(1, "ExecutionStarted", at(100), "a:1", ""),
				line(9, "ExecutionSucceeded", at(101), "a:1", ""),
				line(9, "ExecutionSucceeded", at(101), "a:1", ""),
			},
			history.Window{Since: at(90), Until: at(3600)},
			[]string{"EXPRESS a SUCCEEDED 100.000-101.000"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, tt.workflow)
			s.lines = append(s.lines, tt.add...)
			got, err := list(s.reader().List(t.Context(), tt.window))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("List() has the error %v, and (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestListStops checks that a caller who wants few executions causes few requests.
func TestListStops(t *testing.T) {
	t.Parallel()
	s := newStack(t, history.Express)
	for n := range 1000 {
		execution := fmt.Sprintf("a:%d", n)
		s.lines = append(s.lines, line(1, "ExecutionStarted", at(100+float64(n)), execution, ""),
			line(9, "ExecutionSucceeded", at(100.5+float64(n)), execution, ""))
	}
	n := 0
	for e, err := range s.reader().List(t.Context(), window) {
		if err != nil || e.Status != history.Succeeded {
			t.Fatalf("got %+v, %v, want an execution that succeeded", e, err)
		}
		if n++; n == 10 {
			break
		}
	}
	if got := s.requests["FilterLogEvents"]; got > 10 {
		t.Errorf("10 of 1000 executions took %d requests of 7 events each, want at most 10", got)
	}
}

// TestRefused checks that an error names the permission, and that the other lane is listed.
func TestRefused(t *testing.T) {
	t.Parallel()
	for operation, tt := range map[string]struct {
		code string
		want error
		text []string
		rows int
	}{
		"FilterLogEvents": {"AccessDeniedException", history.ErrRefused, []string{logGroup, "logs:FilterLogEvents"}, 1},
		"ListExecutions":  {"AccessDeniedException", history.ErrRefused, []string{machine, "states:ListExecutions"}, 2},
	} {
		s := newStack(t, history.Express)
		s.refuse[operation] = tt.code
		got, err := list(s.reader().List(t.Context(), window))
		if !errors.Is(err, tt.want) || len(got) != tt.rows {
			t.Errorf("%s is refused: List() = %q, %v, want %d rows and %v", operation, got, err, tt.rows, tt.want)
		}
		for _, text := range tt.text {
			if !strings.Contains(fmt.Sprint(err), text) {
				t.Errorf("%s is refused: the error is %v, want %q in it", operation, err, text)
			}
		}
	}
	s := newStack(t, history.Express)
	s.refuse["FilterLogEvents"] = "ThrottlingException"
	if _, err := s.reader().Events(t.Context(), tagsE, window); err == nil || errors.Is(err, history.ErrRefused) {
		t.Errorf("a throttled request has the error %v, want another one than %v", err, history.ErrRefused)
	}
}

// TestTooMany checks that a search ends in a log group that is too large for it.
func TestTooMany(t *testing.T) {
	t.Parallel()
	s := newStack(t, history.Express)
	s.pageSize = 1
	for n := range 400 {
		s.lines = append(s.lines, line(n, "TaskSucceeded", at(100), "a:1", ""))
	}
	_, err := s.reader().Events(t.Context(), expressARN("a:1"), window)
	if !errors.Is(err, history.ErrTooMany) || s.requests["FilterLogEvents"] > 300 {
		t.Errorf("got error %v after %d requests, want %v", err, s.requests["FilterLogEvents"], history.ErrTooMany)
	}
}

// TestForeignLine checks that a line of the log that is no event is an error, and never left out.
func TestForeignLine(t *testing.T) {
	t.Parallel()
	for _, foreign := range []string{"no JSON", `{"type":"ExecutionStarted"}`} {
		s := newStack(t, history.Express)
		s.lines = []string{foreign}
		if !strings.HasPrefix(foreign, "{") {
			if _, err := list(s.reader().List(t.Context(), window)); err == nil {
				t.Errorf("List() of a log with the line %q has no error", foreign)
			}
		}
		if _, err := history.DecodeLine(foreign); err == nil {
			t.Errorf("DecodeLine(%q) has no error", foreign)
		}
	}
}

func TestFindName(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		workflow history.Lane
		find     string
		refuse   string
		add      []string
		want     []string
		err      error
	}{
		"STANDARD":                {workflow: history.Standard, find: tags, want: []string{"STANDARD " + tags + " FAILED 56.785-57.483"}},
		"in both lanes":           {workflow: history.Express, find: tags, want: []string{"STANDARD " + tags + " FAILED 56.785-57.483", "EXPRESS " + tags + " FAILED 56.785-57.483"}},
		"EXPRESS":                 {workflow: history.Express, find: letter, want: []string{"EXPRESS " + letter + " SUCCEEDED 56.776-57.524"}},
		"none":                    {workflow: history.Express, find: "none", err: history.ErrNotFound},
		"none STANDARD":           {workflow: history.Standard, find: letter, err: history.ErrNotFound},
		"the beginning of a name": {workflow: history.Express, find: letter[:20], err: history.ErrNotFound},
		"twice": {
			workflow: history.Express, find: "a",
			add:  []string{line(1, "ExecutionStarted", at(100), "a:1", ""), line(1, "ExecutionStarted", at(200), "a:2", "")},
			want: []string{"EXPRESS a UNKNOWN 200.000-0.000", "EXPRESS a UNKNOWN 100.000-0.000"},
		},
		"the log is refused": {
			workflow: history.Express, find: tags, refuse: "FilterLogEvents",
			want: []string{"STANDARD " + tags + " FAILED 56.785-57.483"}, err: history.ErrRefused,
		},
		"Step Functions refuses": {
			workflow: history.Express, find: letter, refuse: "DescribeExecution",
			want: []string{"EXPRESS " + letter + " SUCCEEDED 56.776-57.524"}, err: history.ErrRefused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, tt.workflow)
			s.lines = append(s.lines, tt.add...)
			if tt.refuse != "" {
				s.refuse[tt.refuse] = "AccessDeniedException"
			}
			found, err := s.reader().FindName(t.Context(), tt.find, window)
			if diff := cmp.Diff(tt.want, rows(found)); diff != "" || !errors.Is(err, tt.err) {
				t.Errorf("FindName() has the error %v, want %v; executions (-want +got):\n%s", err, tt.err, diff)
			}
		})
	}
}

func TestFindObject(t *testing.T) {
	t.Parallel()
	const bucket = "lazaret-uploads-000000000000-us-east-1"
	for name, tt := range map[string]struct {
		workflow history.Lane
		object   job.Object
		want     []string
	}{
		"STANDARD": {history.Standard, job.Object{Bucket: bucket, Key: "letters/tags.txt"}, []string{"STANDARD " + tags + " FAILED 56.785-57.483"}},
		"EXPRESS":  {history.Express, job.Object{Bucket: bucket, Key: "letters/letter.txt"}, []string{"EXPRESS " + letter + " SUCCEEDED 56.776-57.524"}},
		"in both lanes, by version": {
			history.Express,
			job.Object{Bucket: bucket, Key: "letters/tags.txt", VersionID: "000000000292S50PB5EKRVNF51"},
			[]string{"STANDARD " + tags + " FAILED 56.785-57.483", "EXPRESS " + tags + " FAILED 56.785-57.483"},
		},
		"another version": {history.Express, job.Object{Bucket: bucket, Key: "letters/tags.txt", VersionID: "x"}, nil},
		"another folder":  {history.Express, job.Object{Bucket: bucket, Key: "tags.txt"}, nil},
		"another bucket":  {history.Express, job.Object{Bucket: "held", Key: "letters/tags.txt"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := list(newStack(t, tt.workflow).reader().FindObject(t.Context(), tt.object, window))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("FindObject() has the error %v, and (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	for arn, want := range map[string]string{tagsS: tags, tagsE: tags, "": "", "arn:aws:states:eu-west-1:1": ""} {
		if got := history.Name(arn); got != want {
			t.Errorf("Name(%q) = %q, want %q", arn, got, want)
		}
	}
}

func TestSettled(t *testing.T) {
	t.Parallel()
	all := []history.Status{
		"", history.Running, history.Succeeded, history.Failed, history.TimedOut, history.Aborted, history.Unknown,
	}
	settled := map[history.Lane][]history.Status{
		history.Standard: {history.Succeeded, history.Failed, history.TimedOut, history.Aborted},
		history.Express:  {history.Succeeded},
	}
	for lane, want := range settled {
		for _, status := range all {
			e := history.Execution{Lane: lane, Status: status}
			if got := e.Settled(); got != slices.Contains(want, status) && status != history.Unknown {
				t.Errorf("Settled() of %s, %q is %v", lane, status, got)
			}
		}
	}
	dead := history.Execution{Lane: history.Express, Status: history.Failed, Error: "DeadLettered"}
	if !dead.Settled() {
		t.Error("Settled() of an express execution that has sent its dead letter is false, want true")
	}
}
