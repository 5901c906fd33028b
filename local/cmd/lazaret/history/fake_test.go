package history_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

const (
	machine  = "arn:aws:states:us-east-1:000000000000:stateMachine:lazaret-scan"
	logGroup = "/aws/vendedlogs/states/lazaret-express"
)

// stack answers as AWS does about a stack with one value of Workflow. Step Functions' answers are those of testdata:
// of an execution that ended as a dead letter, as the local stack ran it. testdata/express.jsonl has the same history,
// and that of a clean object, in the form of the log: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
type stack struct {
	t          *testing.T
	workflow   history.Lane
	executions string            // the answer to ListExecutions, if not the execution of testdata
	lines      []string          // of the log group
	pageSize   int               // of events of the log in an answer
	refuse     map[string]string // error code by operation

	mu       sync.Mutex     // both lanes are asked at once
	requests map[string]int // by operation
}

func newStack(t *testing.T, workflow history.Lane) *stack {
	t.Helper()
	s := &stack{t: t, workflow: workflow, pageSize: 7, refuse: map[string]string{}, requests: map[string]int{}}
	if workflow == history.Express {
		s.lines = strings.Split(strings.TrimSpace(read(t, "testdata/express.jsonl")), "\n")
	}
	return s
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// reader returns a Reader that asks the stack.
func (s *stack) reader() *history.Reader {
	server := httptest.NewServer(s)
	s.t.Cleanup(server.Close)
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	}
	return history.New(sfn.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg), history.Source{
		Standard: machine, Express: machine + "-express", ExpressLog: logGroup,
	})
}

func (s *stack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	s.mu.Lock()
	s.requests[operation]++
	s.mu.Unlock()
	if code := s.refuse[operation]; code != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"message":"it refuses"}`, code)
		return
	}
	var in request
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		s.t.Errorf("read a request for %s: %v", operation, err)
	}
	known := s.executions == "" && strings.Contains(read(s.t, "testdata/describe.json"), `"`+in.ExecutionARN+`"`)
	switch {
	case operation == "ListExecutions" && s.executions != "":
		fmt.Fprint(w, s.executions)
	case operation == "ListExecutions":
		fmt.Fprintf(w, `{"executions":[%s]}`, read(s.t, "testdata/describe.json"))
	case operation == "DescribeExecution" && known:
		fmt.Fprint(w, read(s.t, "testdata/describe.json"))
	case operation == "GetExecutionHistory" && known:
		fmt.Fprint(w, read(s.t, "testdata/standard.json"))
	case operation == "DescribeExecution", operation == "GetExecutionHistory":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"ExecutionDoesNotExist","message":"Execution Does Not Exist"}`)
	case operation == "FilterLogEvents":
		s.filter(w, in)
	default:
		s.t.Errorf("nothing answers %s", operation)
	}
}

type request struct {
	ExecutionARN                           string `json:"executionArn"`
	LogGroupName, FilterPattern, NextToken string
	StartTime, EndTime                     int64
	StartFromHead                          bool
}

// comparison is one of a filter pattern: a value, and whether it is only a beginning.
var comparison = regexp.MustCompile(`\$\.(\w+) = "([^"*]*)(\*?)"`)

// filter answers FilterLogEvents. Each second page is empty, as CloudWatch's may be.
func (s *stack) filter(w http.ResponseWriter, in request) {
	if s.workflow == history.Standard || in.LogGroupName != logGroup {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"ResourceNotFoundException","message":"The specified log group does not exist."}`)
		return
	}
	type event struct {
		Timestamp int64  `json:"timestamp"`
		Message   string `json:"message"`
	}
	var events []event
	for _, line := range s.lines {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			events = append(events, event{Timestamp: in.StartTime, Message: line})
			continue
		}
		at, err := strconv.ParseInt(fmt.Sprint(fields["event_timestamp"]), 10, 64)
		if err != nil {
			s.t.Error(err)
		}
		wanted := at >= in.StartTime && at <= in.EndTime
		for _, c := range comparison.FindAllStringSubmatch(in.FilterPattern, -1) {
			got := fmt.Sprint(fields[c[1]])
			wanted = wanted && (got == c[2] || c[3] == "*" && strings.HasPrefix(got, c[2]))
		}
		if wanted {
			events = append(events, event{Timestamp: at, Message: line})
		}
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	if !in.StartFromHead {
		slices.Reverse(events)
	}
	page, _ := strconv.Atoi(in.NextToken) // 0 without a token
	out := map[string]any{"events": []event{}}
	if from := page / 2 * s.pageSize; page%2 == 0 {
		out["events"] = events[min(from, len(events)):min(from+s.pageSize, len(events))]
	}
	if (page+1)/2*s.pageSize < len(events) {
		out["nextToken"] = strconv.Itoa(page + 1)
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		s.t.Error(err)
	}
}

// window contains everything of testdata.
var window = history.Window{Since: at(0), Until: at(3600)}

// at returns a time in seconds after 18:56:00, a minute before the executions of testdata.
func at(seconds float64) time.Time {
	return time.Date(2025, 11, 29, 18, 56, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}
