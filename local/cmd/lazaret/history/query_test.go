package history_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/logs"
)

// past has executions of both lanes, which have all outcomes. It answers as Step Functions and CloudWatch Logs do, and
// is as strict: patterns have a length, lists have pages, and each second page of a log has nothing.
type past struct {
	*sfn.Client // nothing else is called

	t        *testing.T
	items    []pastItem // the oldest first
	client   *cloudwatchlogs.Client
	requests map[string]int
	refuse   map[string]error
}

// pastItem is one execution, and its line of the functions' log.
type pastItem struct {
	name, key string
	lane      history.Lane
	status    history.Status
	verdict   job.Verdict
	started   time.Time
}

func (p pastItem) arn(machine string) string {
	if p.lane == history.Express {
		return strings.Replace(machine, ":stateMachine:", ":express:", 1) + "-express:" + p.name + ":" + p.id()
	}
	return strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + p.name
}

// id is the last part of the ARN of an express execution.
func (p pastItem) id() string { return "0b9a51b4-7d0e-4c4b-8f53-" + p.name[len(p.name)-12:] }

// stopped returns when the execution ended. Those that run have not.
func (p pastItem) stopped() time.Time { return p.started.Add(1500 * time.Millisecond) }

func (p pastItem) input() string {
	text, _ := json.Marshal(job.Job{Version: 1, Object: job.Object{Bucket: "uploads", Key: p.key, VersionID: "1"}})
	return string(text)
}

func (p pastItem) output() string {
	j := job.Job{Version: 1, Object: job.Object{Bucket: "uploads", Key: p.key, VersionID: "1"}}
	j.Scan = &job.Scan{Verdict: p.verdict}
	switch p.verdict {
	case job.Infected:
		j.Scan.Signature = "Eicar-Test-Signature"
	case job.Unscannable:
		j.Scan.Reason = job.Encrypted
	}
	text, _ := json.Marshal(j)
	return string(text)
}

const pastEvery = 10 * time.Second

// newPast returns n executions, the last of which has started a second ago.
func newPast(t *testing.T, n int) *past {
	t.Helper()
	p := &past{t: t, requests: map[string]int{}, refuse: map[string]error{}}
	end := time.Now().Add(-time.Second).Truncate(time.Millisecond)
	for i := range n {
		item := pastItem{
			key: fmt.Sprintf("inbox/%d/report.txt", i), lane: history.Standard, status: history.Succeeded,
			verdict: job.Clean, started: end.Add(-time.Duration((n-1-i)/2) * pastEvery), // two at once
		}
		if i%3 == 0 {
			item.lane = history.Express
		}
		switch {
		case i == 0:
			item.key = `quo"ted*{ $.key = "x" || $.key = "*" }\`
		case i%7 == 1:
			item.verdict = job.Infected
		case i%7 == 2:
			item.verdict = job.Unscannable
		case i%7 == 3:
			item.status, item.verdict = history.Failed, ""
		case i%35 == 4:
			item.status, item.verdict = history.TimedOut, ""
		case i >= n-3:
			item.status, item.verdict = history.Running, ""
		}
		item.name = job.Job{Object: job.Object{Bucket: "uploads", Key: item.key, VersionID: "1"}}.ExecutionName()
		p.items = append(p.items, item)
	}
	p.serve()
	return p
}

// serve writes the logs, and serves them as the local stack does.
func (p *past) serve() {
	p.t.Helper()
	dir := p.t.TempDir()
	var dispatched, scanned, express []string
	line := func(function string, at time.Time, item pastItem, more string) string {
		text, _ := json.Marshal(item.key)
		return fmt.Sprintf(`{"time":%q,"level":"INFO","msg":%[2]q,"function":%[2]q,"execution":%q,"bucket":"uploads","key":%s`+
			`,"versionId":"1","attempt":0%s}`, at.Format(time.RFC3339Nano), function, item.name, text, more)
	}
	for i, item := range p.items {
		if item.verdict != "" {
			outcome := map[job.Verdict]string{
				job.Clean: "CLEAN", job.Infected: "INFECTED Eicar-Test-Signature", job.Unscannable: "UNSCANNABLE encrypted",
			}[item.verdict]
			scanned = append(scanned, line("scan", item.started.Add(time.Second), item, `,"ms":3,"outcome":"`+outcome+`"`))
		}
		at, more := item.started, `,"duplicate":false`
		if item.lane == history.Express {
			at, more = item.stopped(), `,"lane":"3d0f","status":"`+string(item.status)+`"`
		}
		if item.lane == history.Standard || item.status != history.Running {
			dispatched = append(dispatched, line("dispatch", at, item, more))
		}
		if i%10 == 0 {
			dispatched = append(dispatched, dispatched[len(dispatched)-1]) // a message was delivered twice
		}
		express = append(express, p.expressLines(item)...)
	}
	write := func(name string, lines []string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	write("dispatch.log", dispatched)
	write("scan.log", scanned)
	write("states", express)
	server := httptest.NewServer(logs.Service{Groups: []logs.Group{
		logs.Functions("lazaret", dir), logs.Machine(logGroup, "lazaret-scan-express", filepath.Join(dir, "states")),
	}})
	p.t.Cleanup(server.Close)
	p.client = cloudwatchlogs.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	})
}

func (p *past) expressLines(item pastItem) []string {
	if item.lane != history.Express {
		return nil
	}
	member := func(name, text string) string { return fmt.Sprintf(`%q:%q`, name, text) }
	event := func(id int, kind string, at time.Time, details string) string {
		return fmt.Sprintf(`{"id":"%d","type":%q,"details":{%s},"event_timestamp":"%d","execution_arn":%q}`,
			id, kind, details, at.UnixMilli(), item.arn(machine))
	}
	lines := []string{
		event(1, "ExecutionStarted", item.started, member("input", item.input())),
		event(2, "TaskStateEntered", item.started, member("input", item.input())+`,"name":"Fetch"`),
	}
	switch item.status {
	case history.Succeeded:
		lines = append(lines, event(3, "ExecutionSucceeded", item.stopped(), member("output", item.output())))
	case history.Failed:
		lines = append(lines, event(3, "ExecutionFailed", item.stopped(), `"error":"DeadLettered","cause":"no tag is free"`))
	case history.TimedOut:
		lines = append(lines, event(3, "ExecutionTimedOut", item.stopped(), ""))
	}
	return lines
}

func (p *past) ListExecutions(
	_ context.Context, in *sfn.ListExecutionsInput, _ ...func(*sfn.Options),
) (*sfn.ListExecutionsOutput, error) {
	p.requests["ListExecutions"]++
	if err := p.refuse["ListExecutions"]; err != nil {
		return nil, err
	}
	if in.MaxResults < 1 || in.MaxResults > 1000 || *in.StateMachineArn != machine {
		p.t.Errorf("ListExecutions got %d results of %s", in.MaxResults, *in.StateMachineArn)
	}
	var all []types.ExecutionListItem
	for _, item := range slices.Backward(p.items) {
		if item.lane != history.Standard || in.StatusFilter != "" && string(in.StatusFilter) != string(item.status) {
			continue
		}
		x := types.ExecutionListItem{
			ExecutionArn: aws.String(item.arn(machine)), Name: &item.name, StartDate: &item.started,
			Status: types.ExecutionStatus(item.status),
		}
		if item.status != history.Running {
			x.StopDate = aws.Time(item.stopped())
		}
		all = append(all, x)
	}
	// As on AWS, a token belongs to a request with the same other arguments.
	var from int
	settings := fmt.Sprint(in.MaxResults, in.StatusFilter)
	if in.NextToken != nil {
		number, of, _ := strings.Cut(*in.NextToken, " of ")
		if from, _ = strconv.Atoi(number); of != settings {
			return nil, fmt.Errorf("the token %q was used with %s", *in.NextToken, settings)
		}
	}
	to := min(from+int(in.MaxResults), len(all))
	out := &sfn.ListExecutionsOutput{Executions: all[from:to]}
	if to < len(all) {
		out.NextToken = aws.String(fmt.Sprintf("%d of %s", to, settings))
	}
	return out, nil
}

func (p *past) DescribeExecution(
	_ context.Context, in *sfn.DescribeExecutionInput, _ ...func(*sfn.Options),
) (*sfn.DescribeExecutionOutput, error) {
	for _, item := range p.items {
		if item.lane != history.Standard || item.arn(machine) != *in.ExecutionArn {
			continue
		}
		out := &sfn.DescribeExecutionOutput{
			Status: types.ExecutionStatus(item.status), StartDate: &item.started, Input: aws.String(item.input()),
		}
		switch item.status {
		case history.Succeeded:
			out.StopDate, out.Output = aws.Time(item.stopped()), aws.String(item.output())
		case history.Failed:
			out.StopDate, out.Error = aws.Time(item.stopped()), aws.String("DeadLettered")
			out.Cause = aws.String("no tag is free")
		case history.TimedOut:
			out.StopDate = aws.Time(item.stopped())
		}
		return out, nil
	}
	return nil, &types.ExecutionDoesNotExist{}
}

// FilterLogEvents answers each second page without events.
func (p *past) FilterLogEvents(
	ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options),
) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	p.requests["FilterLogEvents"]++
	if err := p.refuse[*in.LogGroupName]; err != nil {
		return nil, err
	}
	if len(*in.FilterPattern) > 1024 {
		return nil, fmt.Errorf("the pattern has %d characters", len(*in.FilterPattern))
	}
	copied := *in
	token, empty := strings.CutPrefix(aws.ToString(in.NextToken), "empty ")
	if empty {
		return &cloudwatchlogs.FilterLogEventsOutput{NextToken: &token}, nil
	}
	out, err := p.client.FilterLogEvents(ctx, &copied)
	if err == nil && out.NextToken != nil {
		out.NextToken = aws.String("empty " + *out.NextToken)
	}
	return out, err
}

func (p *past) reader() *history.Reader {
	return history.New(p, p, history.Source{
		Standard: machine, Express: machine + "-express", ExpressLog: logGroup, FunctionLog: "/lazaret/lazaret",
	})
}

// all pages through the whole answer to a query.
func (p *past) all(q history.Query) (rows []history.Row, pages int) {
	p.t.Helper()
	for pages = 1; pages < 500; pages++ {
		page, err := p.reader().Query(p.t.Context(), q)
		if err != nil {
			p.t.Fatal(err)
		}
		if page.Partial != "" {
			p.t.Errorf("page %d is partial: %s", pages, page.Partial)
		}
		rows = append(rows, page.Rows...)
		if q.Cursor = page.Next; q.Cursor == "" {
			return rows, pages
		}
	}
	p.t.Fatal("the pages do not end")
	return nil, 0
}

func TestQuery(t *testing.T) {
	t.Parallel()
	const n = 120
	everything := func(pastItem) bool { return true }
	now := time.Now()
	some := history.Window{Since: now.Add(-295 * time.Second), Until: now.Add(-105 * time.Second)} // between two starts
	for name, tt := range map[string]struct {
		query history.Query
		want  func(pastItem) bool
	}{
		"all":      {history.Query{}, everything},
		"standard": {history.Query{Lane: history.Standard}, func(p pastItem) bool { return p.lane == history.Standard }},
		"express":  {history.Query{Lane: history.Express}, func(p pastItem) bool { return p.lane == history.Express }},
		"failed": {
			history.Query{Status: history.Failed}, func(p pastItem) bool { return p.status == history.Failed },
		},
		"timed out": {
			history.Query{Status: history.TimedOut}, func(p pastItem) bool { return p.status == history.TimedOut },
		},
		"running": {
			history.Query{Status: history.Running}, func(p pastItem) bool { return p.status == history.Running },
		},
		"aborted": {history.Query{Status: history.Aborted}, func(pastItem) bool { return false }},
		"infected": {
			history.Query{Verdict: job.Infected}, func(p pastItem) bool { return p.verdict == job.Infected },
		},
		"infected in EXPRESS": {
			history.Query{Verdict: job.Infected, Lane: history.Express},
			func(p pastItem) bool { return p.verdict == job.Infected && p.lane == history.Express },
		},
		"a part of a key": {
			history.Query{Text: "/1"}, func(p pastItem) bool {
				return strings.Contains(p.key, "/1") && (p.lane == history.Standard || p.status != history.Running)
			},
		},
		"a part of a key, and failed": {
			history.Query{Text: "/1", Status: history.Failed},
			func(p pastItem) bool { return strings.Contains(p.key, "/1") && p.status == history.Failed },
		},
		"a part of a key, and clean": {
			history.Query{Text: "0/report", Verdict: job.Clean},
			func(p pastItem) bool { return strings.Contains(p.key, "0/report") && p.verdict == job.Clean },
		},
		"what has a meaning in a pattern": {
			history.Query{Text: `"x" || $.key = "*" }`}, func(p pastItem) bool { return strings.Contains(p.key, "||") },
		},
		"what stands for any in a pattern": {history.Query{Text: "inbox*report"}, func(pastItem) bool { return false }},
		"a time": {
			history.Query{Window: some},
			func(p pastItem) bool { return p.started.After(some.Since) && p.started.Before(some.Until) },
		},
	} {
		for _, limit := range []int{7, 50} {
			t.Run(fmt.Sprint(name, limit), func(t *testing.T) {
				t.Parallel()
				p := newPast(t, n)
				tt.query.Limit = limit
				var want []string
				for _, item := range slices.Backward(p.items) {
					if tt.want(item) {
						want = append(want, item.name)
					}
				}
				rows, pages := p.all(tt.query)
				var got []string
				last := time.Now()
				for _, row := range rows {
					got = append(got, row.Name)
					i := slices.IndexFunc(p.items, func(item pastItem) bool { return item.name == row.Name })
					item := p.items[i]
					if row.Lane != item.lane || row.Status != item.status || row.Verdict != item.verdict ||
						row.Object.Key != item.key || !row.Started.Equal(item.started) || row.ARN != item.arn(machine) {
						t.Errorf("row %+v is of %+v", row, item)
					}
					if row.Started.After(last.Add(2 * time.Second)) {
						t.Errorf("%s started %s after the row before it", row.Name, row.Started.Sub(last))
					}
					last = row.Started
				}
				slices.Sort(want)
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("executions on %d pages (-want +got):\n%s", pages, diff)
				}
			})
		}
	}
}

// TestQueryLoadsOnePage counts the requests for one page among many executions.
func TestQueryLoadsOnePage(t *testing.T) {
	t.Parallel()
	p := newPast(t, 600)
	for name, q := range map[string]history.Query{
		"all": {}, "failed": {Status: history.Failed}, "infected": {Verdict: job.Infected}, "text": {Text: "/1"},
	} {
		clear(p.requests)
		page, err := p.reader().Query(t.Context(), q)
		if err != nil || len(page.Rows) != 50 || page.Next == "" {
			t.Errorf("%s: got %d rows, next %q, %v, want a page of 50 and another one", name, len(page.Rows), page.Next, err)
		}
		// The lines, in two answers of which one is empty; and the other ends of express executions, 7 or more a request.
		if p.requests["ListExecutions"] > 1 || p.requests["FilterLogEvents"] > 12 {
			t.Errorf("%s: one page took the requests %v", name, p.requests)
		}
	}
}

// TestQueryWhileOthersStart pages through executions while more of them start. No row is missing, and none is there
// twice.
func TestQueryWhileOthersStart(t *testing.T) {
	t.Parallel()
	for _, status := range []history.Status{"", history.Succeeded} {
		p := newPast(t, 60)
		var want, got []string
		for _, item := range slices.Backward(p.items) {
			if item.lane == history.Standard && (status == "" || item.status == status) {
				want = append(want, item.name)
			}
		}
		q := history.Query{Limit: 4, Lane: history.Standard, Status: status}
		for i := range 60 {
			page, err := p.reader().Query(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range page.Rows {
				got = append(got, row.Name)
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
			for n := range i % 7 {
				p.items = append(p.items, pastItem{
					name: fmt.Sprintf("new_txt-%040x", 100*i+n), key: "new.txt", lane: history.Standard,
					status: history.Succeeded, verdict: job.Clean, started: time.Now().Truncate(time.Millisecond),
				})
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("status %q (-want +got):\n%s", status, diff)
		}
	}
}

func TestQueryName(t *testing.T) {
	t.Parallel()
	p := newPast(t, 40)
	for _, i := range []int{3, 4} { // one of each lane
		for _, text := range []string{p.items[i].name, " " + p.items[i].arn(machine) + " "} {
			page, err := p.reader().Query(t.Context(), history.Query{Text: text})
			if err != nil || len(page.Rows) != 1 || page.Rows[0].Name != p.items[i].name || page.Next != "" {
				t.Errorf("%s: got %+v, %v", text, page, err)
			}
		}
	}
	page, err := p.reader().Query(t.Context(), history.Query{Text: "report_txt-" + strings.Repeat("0", 40)})
	if err != nil || len(page.Rows) > 0 {
		t.Errorf("a name that nothing has: got %+v, %v, want no row", page, err)
	}
}

// TestQueryWithoutOneLane has the rows of the other lane, and says what is missing.
func TestQueryWithoutOneLane(t *testing.T) {
	t.Parallel()
	p := newPast(t, 20)
	p.refuse[logGroup] = &logtypes.ServiceUnavailableException{Message: aws.String("not now")}
	page, err := p.reader().Query(t.Context(), history.Query{})
	if err != nil || len(page.Rows) == 0 || !strings.Contains(page.Partial, "not now") {
		t.Errorf("without the log: got %d rows, partial %q, %v", len(page.Rows), page.Partial, err)
	}
	p.refuse[logGroup] = &logtypes.ResourceNotFoundException{}
	page, err = p.reader().Query(t.Context(), history.Query{})
	if err != nil || len(page.Rows) == 0 || page.Partial != "" {
		t.Errorf("with Workflow=STANDARD: got %d rows, partial %q, %v", len(page.Rows), page.Partial, err)
	}
	p.refuse["ListExecutions"] = errors.New("no list")
	if _, err = p.reader().Query(t.Context(), history.Query{}); err == nil || !strings.Contains(err.Error(), "no list") {
		t.Errorf("without both: got the error %v", err)
	}
}

// TestQueryGoesOn asks for the next page of a search that has not ended in time.
func TestQueryGoesOn(t *testing.T) {
	t.Parallel()
	p := newPast(t, 20)
	endless := unending{past: p}
	r := history.New(p, &endless, history.Source{
		Standard: machine, Express: machine + "-express", ExpressLog: logGroup, FunctionLog: "/lazaret/lazaret",
	})
	page, err := r.Query(t.Context(), history.Query{Verdict: job.Infected})
	if err != nil || page.Next == "" || !strings.Contains(page.Partial, "has not ended after 40 requests") {
		t.Fatalf("got %+v, %v, want no rows, and a next page", page, err)
	}
	before := endless.last
	page, err = r.Query(t.Context(), history.Query{Verdict: job.Infected, Cursor: page.Next})
	if err != nil || page.Next == "" || endless.first != before {
		t.Errorf("the next page begins with the token %q, want %q: %+v, %v", endless.first, before, page, err)
	}
}

// unending answers FilterLogEvents with tokens alone.
type unending struct {
	*past
	n           int
	first, last string
}

func (u *unending) FilterLogEvents(
	_ context.Context, in *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options),
) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	if u.n%40 == 0 {
		u.first = aws.ToString(in.NextToken)
	}
	u.n++
	u.last = fmt.Sprint("token ", u.n)
	return &cloudwatchlogs.FilterLogEventsOutput{NextToken: aws.String(u.last)}, nil
}

func TestQueryBadCursor(t *testing.T) {
	t.Parallel()
	r := newPast(t, 2).reader()
	for _, cursor := range []string{"<script>", "eyJ", "e30x"} {
		if _, err := r.Query(t.Context(), history.Query{Cursor: cursor}); !errors.Is(err, history.ErrBadCursor) {
			t.Errorf("%s: got the error %v, want an ErrBadCursor", cursor, err)
		}
	}
	for _, text := range []string{`{}`, `{"s":{"a":1},"l":{"a":1}}`, `{"u":9999999999999999,"s":{"a":-5,"m":-1,"n":[""]}}`} {
		cursor := base64.RawURLEncoding.EncodeToString([]byte(text))
		if _, err := r.Query(t.Context(), history.Query{Cursor: cursor}); err != nil { // it must not panic
			t.Logf("%s: %v", text, err)
		}
	}
}
