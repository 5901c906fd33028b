package states

import (
	"fmt"
	"testing"
	"time"
)

// TestCount counts executions by how they ended, and when.
func TestCount(t *testing.T) {
	t.Parallel()
	w := &world{}
	config := w.config(t, one(`"Type":"Choice","Default":"S",`+
		`"Choices":[{"Variable":"$.fail","BooleanEquals":true,"Next":"F"}]},`+
		`"F":{"Type":"Fail","Error":"E"},"S":{"Type":"Succeed"`))
	clock := time.Now().UTC().Truncate(time.Minute)
	config.Now = func(string) time.Time { return clock }
	s := newService(t, config)
	for i := range 6 {
		wait(t, start(t, s, fmt.Sprint("run-", i), fmt.Sprintf(`{"fail":%t}`, i%3 == 0)))
		clock = clock.Add(30 * time.Second)
	}
	begin := clock.Add(-3 * time.Minute)
	for _, tt := range []struct {
		metric      string
		from, until time.Duration
		want        string
	}{
		{"ExecutionsStarted", 0, time.Hour, "2 2 2"},
		{"ExecutionsStarted", time.Minute, 2 * time.Minute, "0 2 0"},
		{"ExecutionsSucceeded", 0, time.Hour, "1 1 2"},
		{"ExecutionsFailed", 0, time.Hour, "1 1 0"},
		{"ExecutionsAborted", 0, time.Hour, "0 0 0"},
		{"ExecutionThrottled", 0, time.Hour, "0 0 0"},
	} {
		minutes, err := s.Count(testMachine, tt.metric, begin.Add(tt.from), begin.Add(tt.until))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for i := range 3 {
			got += fmt.Sprint(" ", minutes[begin.Unix()+int64(60*i)].Count)
		}
		if got[1:] != tt.want {
			t.Errorf("%s from %s to %s: got%s, want %s", tt.metric, tt.from, tt.until, got, tt.want)
		}
	}
	if minutes, err := s.Count(testMachine+"-other", "ExecutionsStarted", begin, clock); minutes != nil || err != nil {
		t.Errorf("another machine: got %v, %v, want none", minutes, err)
	}
}
