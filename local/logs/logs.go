// Package logs keeps the local stack's logs in files, and answers CloudWatch Logs' FilterLogEvents over them, so that
// the runbook's commands and the operator's commands work on them.
package logs

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lazaret/lazaret/local/api"
)

// maxEvents is how many events CloudWatch Logs answers at once.
const maxEvents = 10_000

// Service answers for its log groups.
type Service struct{ Groups []Group }

// Group is a log group: what one or several files hold.
type Group struct {
	Name    string
	streams func() ([]stream, error)
}

type request struct {
	LogGroupName, LogGroupIdentifier string
	LogStreamNames                   []string
	LogStreamNamePrefix              string
	StartTime, EndTime               int64 // Unix time in ms; 0 for no limit
	FilterPattern                    string
	Limit                            int
	NextToken                        string // how many events were answered before
	StartFromHead                    *bool  // false for the newest events first
}

type event struct {
	LogStreamName string `json:"logStreamName"`
	Timestamp     int64  `json:"timestamp"` // Unix time in ms
	Message       string `json:"message"`
	IngestionTime int64  `json:"ingestionTime"`
	EventID       string `json:"eventId"`
}

func (s Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	api.JSON{
		Version: "1.1", Target: "Logs_20140328.", Failure: "ServiceUnavailableException", MaxBody: 64 << 10,
		Operations: map[string]api.Operation{"FilterLogEvents": api.Decoded(s.filterLogEvents)},
	}.ServeHTTP(w, r)
}

func (s Service) filterLogEvents(_ *http.Request, in request) (any, error) {
	group, err := s.group(cmp.Or(in.LogGroupName, in.LogGroupIdentifier))
	if err != nil {
		return nil, err
	}
	if in.LogStreamNames != nil || in.LogStreamNamePrefix != "" {
		return nil, invalid("the local stack does not support logStreamNames and logStreamNamePrefix")
	}
	wanted, err := parse(in.FilterPattern)
	if err != nil {
		return nil, invalid("%v", err)
	}
	skip, err := strconv.Atoi(cmp.Or(in.NextToken, "0"))
	if err != nil || skip < 0 || in.Limit < 0 || in.Limit > maxEvents {
		return nil, invalid("limit %d, nextToken %q: want at most %d, and an answer's token",
			in.Limit, in.NextToken, maxEvents)
	}
	limit := cmp.Or(in.Limit, maxEvents)
	newestFirst := in.StartFromHead != nil && !*in.StartFromHead
	q := query{in.StartTime, in.EndTime, wanted, skip + limit + 1}
	events, err := []event(nil), error(nil)
	if newestFirst {
		events, err = group.newest(q)
	} else {
		events, err = group.events(q)
	}
	if err != nil {
		return nil, err
	}
	events = events[min(skip, len(events)):]
	out := map[string]any{"searchedLogStreams": []any{}}
	if len(events) > limit {
		events = events[:limit]
		out["nextToken"] = strconv.Itoa(skip + limit)
	}
	out["events"] = events
	return out, nil
}

// group finds a group by its name or ARN.
func (s Service) group(name string) (Group, error) {
	if i := strings.LastIndex(name, ":log-group:"); i >= 0 {
		name = strings.TrimSuffix(name[i+len(":log-group:"):], ":*")
	}
	var names []string
	for _, g := range s.Groups {
		if g.Name == name {
			return g, nil
		}
		names = append(names, g.Name)
	}
	return Group{}, api.Refuse("ResourceNotFoundException",
		"The specified log group does not exist. The local stack has %s", strings.Join(names, " and "))
}

func invalid(format string, args ...any) error {
	return api.Refuse("InvalidParameterException", format, args...)
}

// query says which events of a group are wanted.
type query struct {
	since, until int64 // Unix time in ms; no limit when until is 0
	wanted       pattern
	enough       int // of the oldest ones
}

func (q query) wants(ms int64) bool { return ms >= q.since && (q.until == 0 || ms <= q.until) }

// newest returns the wanted events of all streams, the newest first. There may be more than enough. It looks back an
// hour at first, and further as long as it has not found enough.
func (g Group) newest(q query) ([]event, error) {
	end := q.until
	if now := time.Now().UnixMilli(); end == 0 || end > now {
		end = now
	}
	for back := time.Hour; ; back *= 4 {
		some := query{since: max(q.since, end-back.Milliseconds()), until: q.until, wanted: q.wanted, enough: math.MaxInt}
		if back > 10*365*24*time.Hour { // before any log
			some.since = q.since
		}
		events, err := g.events(some)
		if err != nil || some.since == q.since || len(events) >= q.enough {
			slices.Reverse(events)
			return events, err
		}
	}
}

// events returns the wanted events of all streams, the oldest first. There may be more than enough.
func (g Group) events(q query) ([]event, error) {
	streams, err := g.streams()
	if err != nil {
		return nil, err
	}
	found := []event{}
	for _, s := range streams {
		err := s.read(q, func(id int64, at time.Time, text string) bool {
			ms := at.UnixMilli()
			hash := fnv.New64a()
			_, _ = fmt.Fprintf(hash, "%s %d %d", s.path, id, ms)
			found = append(found, event{
				LogStreamName: s.name(at), Timestamp: ms, IngestionTime: ms, Message: text,
				EventID: fmt.Sprintf("%056d", hash.Sum64()),
			})
			return len(streams) > 1 || len(found) < q.enough
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(found, func(a, b event) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	return found, nil
}
