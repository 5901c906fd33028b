// Package logs answers CloudWatch Logs' FilterLogEvents over the files in which
// the local stack keeps what functions log, so that the runbook's questions to
// logs, and the operator's commands, work on it. It writes nothing.
package logs

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What CloudWatch Logs allows: events in one answer, and bytes of one event.
const (
	maxEvents = 10_000
	maxLine   = 256 << 10
)

// Service has one log group, as the template has: that of the functions.
type Service struct {
	Stack string // the group is /lazaret/<stack>
	Dir   string // with <function>.log for each function
}

// Group is the name of the log group.
func (s Service) Group() string { return "/lazaret/" + s.Stack }

type request struct {
	LogGroupName, LogGroupIdentifier string
	LogStreamNames                   []string
	LogStreamNamePrefix              string
	StartTime, EndTime               int64 // Unix time in ms; 0: no limit
	FilterPattern                    string
	Limit                            int
	NextToken                        string // how many events were answered before
}

// Event is one line of a log.
type Event struct {
	LogStreamName string `json:"logStreamName"`
	Timestamp     int64  `json:"timestamp"` // Unix time in ms
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
	EventID       string `json:"eventId"`
}

type refusal struct{ code, message string }

func (r refusal) Error() string { return r.message }

func (s Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	answer, err := s.answer(w, r)
	if err != nil {
		status, why := http.StatusInternalServerError, refusal{"ServiceUnavailableException", err.Error()}
		if errors.As(err, &why) {
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
		answer = map[string]string{"__type": why.code, "message": why.message}
	}
	_ = json.NewEncoder(w).Encode(answer) // the client has gone if not
}

func (s Service) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "Logs_20140328.")
	if !ok || operation != "FilterLogEvents" {
		return nil, refusal{"UnknownOperationException", fmt.Sprintf("the local stack does not do %q of CloudWatch Logs, FilterLogEvents alone", operation)}
	}
	var in request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil {
		return nil, refusal{"SerializationException", fmt.Sprintf("read the request: %v", err)}
	}
	group := cmp.Or(in.LogGroupName, in.LogGroupIdentifier)
	if i := strings.LastIndex(group, ":log-group:"); i >= 0 {
		group = strings.TrimSuffix(group[i+len(":log-group:"):], ":*")
	}
	if group != s.Group() {
		return nil, refusal{"ResourceNotFoundException", fmt.Sprintf("The specified log group does not exist. The local stack has %s", s.Group())}
	}
	wanted, err := parse(in.FilterPattern)
	if err != nil {
		return nil, refusal{"InvalidParameterException", err.Error()}
	}
	skip, err := strconv.Atoi(cmp.Or(in.NextToken, "0"))
	if err != nil || skip < 0 || in.Limit < 0 || in.Limit > maxEvents {
		return nil, refusal{"InvalidParameterException", fmt.Sprintf("limit %d, nextToken %q: want 1 to %d, and a token of an answer", in.Limit, in.NextToken, maxEvents)}
	}
	events, err := s.events(in, wanted)
	if err != nil {
		return nil, err
	}
	events = events[min(skip, len(events)):]
	out := map[string]any{"searchedLogStreams": []any{}}
	if limit := cmp.Or(in.Limit, maxEvents); len(events) > limit {
		events = events[:limit]
		out["nextToken"] = strconv.Itoa(skip + limit)
	}
	out["events"] = events
	return out, nil
}

// events are those of all functions that are wanted, the oldest first.
func (s Service) events(in request, wanted pattern) ([]Event, error) {
	files, err := filepath.Glob(filepath.Join(s.Dir, "*.log"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", s.Dir, err)
	}
	found := []Event{}
	for _, file := range files {
		function := s.Stack + "-" + strings.TrimSuffix(filepath.Base(file), ".log")
		err := read(file, func(line int, at time.Time, text string) {
			ms := at.UnixMilli()
			if ms < in.StartTime || in.EndTime > 0 && ms > in.EndTime || !wanted(text) {
				return
			}
			stream := at.UTC().Format("2006/01/02/") + function + "[$LATEST]local"
			if !strings.HasPrefix(stream, in.LogStreamNamePrefix) || in.LogStreamNames != nil && !slices.Contains(in.LogStreamNames, stream) {
				return
			}
			hash := fnv.New64a()
			_, _ = fmt.Fprintf(hash, "%s %d", function, line)
			found = append(found, Event{stream, ms, text, ms, fmt.Sprintf("%056d", hash.Sum64())})
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(found, func(a, b Event) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	return found, nil
}

// read calls f with each line of a file, and when it was written.
func read(file string, f func(line int, at time.Time, text string)) error {
	in, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read a function's log: %w", err)
	}
	defer in.Close()
	var at time.Time
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine+bufio.MaxScanTokenSize)
	for n := 0; lines.Scan(); n++ {
		at = written(lines.Text(), at)
		f(n, at, lines.Text())
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

// written is when a line was, by what it says itself: our log lines and Lambda's
// have "time", metrics "_aws.Timestamp", others begin with a time. What says
// nothing belongs to the line before.
func written(line string, before time.Time) time.Time {
	var stamp struct {
		Time time.Time `json:"time"`
		AWS  struct {
			Timestamp int64 // Unix time in ms
		} `json:"_aws"`
	}
	switch err := json.Unmarshal([]byte(line), &stamp); {
	case err == nil && !stamp.Time.IsZero():
		return stamp.Time
	case err == nil && stamp.AWS.Timestamp > 0:
		return time.UnixMilli(stamp.AWS.Timestamp)
	}
	first, _, _ := strings.Cut(line, " ")
	if at, err := time.Parse(time.RFC3339Nano, first); err == nil {
		return at
	}
	return before
}
