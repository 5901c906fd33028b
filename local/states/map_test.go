package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shelf has objects in memory.
type shelf struct {
	mu      sync.Mutex
	content map[string]string // by bucket/key
	role    string            // whoever came last
	full    error             // of Put
}

func (s *shelf) as(role string) Objects {
	s.role = role
	return s
}

func (s *shelf) Get(_ context.Context, bucket, key string) ([]byte, error) {
	content, ok := s.content[bucket+"/"+key]
	if !ok {
		return nil, errors.New("NoSuchKey")
	}
	return []byte(content), nil
}

func (s *shelf) Put(_ context.Context, bucket, key string, content []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content[bucket+"/"+key] = string(content)
	return s.full
}

// mapState is a Map whose child executions run the function f, with other fields beside.
func mapState(fields string) string {
	return one(`"Type":"Map",
		"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSONL"},
			"Parameters":{"Bucket":"b","Key.$":"$.key"}},
		"ItemSelector":{"item.$":"$$.Map.Item.Value","of.$":"$.key"},
		"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"T","States":{"T":{` +
		payloadF + `,"OutputPath":"$.Payload","Retry":[{"ErrorEquals":["Again"]}],"End":true}}},
		"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b","Prefix":"out"}},` +
		fields + `"ResultPath":"$.map","End":true`)
}

func TestMap(t *testing.T) {
	t.Parallel()
	const lines = "{\"n\":1}\n\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}"
	for name, test := range map[string]struct {
		fields  string
		content string
		fails   map[int]string // errors by item
		full    error
		want    string // beginning of the end
		counts  map[string]int
	}{
		"all succeed":        {"", lines, nil, nil, "SUCCEEDED", map[string]int{"SUCCEEDED": 4}},
		"one fails":          {"", lines, map[int]string{2: "Boom"}, nil, "FAILED States.ExceedToleratedFailureThreshold", nil},
		"one is tolerated":   {`"ToleratedFailurePercentage":25,`, lines, map[int]string{2: "Boom"}, nil, "SUCCEEDED", map[string]int{"SUCCEEDED": 3, "FAILED": 1}},
		"two are not":        {`"ToleratedFailurePercentage":25,`, lines, map[int]string{2: "Boom", 3: "Boom"}, nil, "FAILED States.ExceedToleratedFailureThreshold", nil},
		"one is tried again": {"", lines, map[int]string{2: "Again"}, nil, "SUCCEEDED", map[string]int{"SUCCEEDED": 4}},
		"no items":           {"", "\n", nil, nil, "FAILED States.ItemReaderFailed", nil},
		"no JSON":            {"", "{\"n\":1}\n{", nil, nil, "FAILED States.ItemReaderFailed: Attempting to parse item 2", nil},
		"no object":          {"", "", nil, nil, "FAILED States.ItemReaderFailed", nil},
		"cannot write":       {"", lines, nil, errors.New("AccessDenied"), "FAILED States.ResultWriterFailed: Failed to write s3://b/out/", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shelf{content: map[string]string{"b/in": test.content}, full: test.full}
			if name == "no object" {
				clear(s.content)
			}
			config := (&world{}).config(t, mapState(test.fields+`"MaxConcurrency":2,`))
			config.Objects = s.as
			var running, most atomic.Int64
			var tried sync.Map
			config.Invoke = func(_ context.Context, _ string, payload []byte) (Invocation, error) {
				defer running.Add(-1)
				if n := running.Add(1); n > most.Load() {
					most.Store(n)
				}
				var in struct {
					Item struct{ N int }
					Of   string
				}
				if err := json.Unmarshal(payload, &in); err != nil || in.Of != "in" {
					t.Errorf("got the input %s, want the item and the key", payload)
				}
				_, again := tried.LoadOrStore(in.Item.N, true)
				if fault := test.fails[in.Item.N]; fault == "Boom" || fault == "Again" && !again {
					return Invocation{Payload: fmt.Appendf(nil, `{"errorType":%q}`, fault), FunctionError: "Unhandled"}, nil
				}
				return Invocation{Payload: fmt.Appendf(nil, `{"got":%d}`, in.Item.N)}, nil
			}
			o := wait(t, start(t, newService(t, config), "run", `{"key":"in"}`))
			if got := ended(o); !strings.HasPrefix(got, test.want) {
				t.Fatalf("got end %s, want %s", got, test.want)
			}
			if most.Load() > 2 {
				t.Errorf("%d child executions ran at once, want 2 at most", most.Load())
			}
			if s.role != "arn:aws:iam::000000000000:role/test" {
				t.Errorf("objects were read as %q, want the machine's role", s.role)
			}
			if test.counts != nil {
				s.check(t, o, test.counts)
			}
		})
	}
}

// check holds the results of a Map Run to what they must be.
func (s *shelf) check(t *testing.T, o outcome, counts map[string]int) {
	t.Helper()
	var output struct {
		Map struct {
			MapRunArn           string
			ResultWriterDetails struct{ Bucket, Key string }
		}
	}
	if err := json.Unmarshal([]byte(o.last.text("output")), &output); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(output.Map.MapRunArn, "arn:aws:states:us-east-1:000000000000:mapRun:test/A:") {
		t.Errorf("got MapRunArn %s, want one of the state A", output.Map.MapRunArn)
	}
	var m manifest
	if err := json.Unmarshal([]byte(s.content["b/"+output.Map.ResultWriterDetails.Key]), &m); err != nil {
		t.Fatalf("read the manifest %s: %v", output.Map.ResultWriterDetails.Key, err)
	}
	got := map[string]int{}
	for status, files := range m.ResultFiles {
		for _, file := range files {
			var all []written
			content := s.content["b/"+file.Key]
			if err := json.Unmarshal([]byte(content), &all); err != nil || len(content) != file.Size {
				t.Fatalf("read %s of %d bytes: %v", file.Key, file.Size, err)
			}
			got[status] += len(all)
			for _, w := range all {
				if w.Status != status || (status == "FAILED") != (w.Error != "") || (w.Output == "") != (w.Error != "") {
					t.Errorf("%s: got %+v, want the output of a success, or an error", file.Key, w)
				}
			}
		}
	}
	if diff := cmp.Diff(counts, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if want := []string{"FAILED", "PENDING", "SUCCEEDED"}; !slices.Equal(want, slices.Sorted(maps.Keys(m.ResultFiles))) {
		t.Errorf("got the statuses %v in the manifest, want %v", m.ResultFiles, want)
	}
}

// TestMapAfterARestart: a Map that was under way when the service was closed runs again as a whole.
func TestMapAfterARestart(t *testing.T) {
	t.Parallel()
	s := &shelf{content: map[string]string{"b/in": "1\n2\n"}}
	w := &world{functions: map[string][]reply{"f": {{hang: true}}}}
	config := w.config(t, mapState(""))
	config.Objects = s.as
	first, err := New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	x := start(t, first, "run", `{"key":"in"}`)
	<-w.hanging
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	config.Invoke = (&world{functions: map[string][]reply{"f": {{}}}}).invoke
	second := newService(t, config)
	o := wait(t, started{second, x.arn})
	if got := ended(o); !strings.HasPrefix(got, "SUCCEEDED") {
		t.Fatalf("got end %s, want SUCCEEDED", got)
	}
	s.check(t, o, map[string]int{"SUCCEEDED": 2})
}

func TestMapsRejectedAtLoad(t *testing.T) {
	t.Parallel()
	whole := mapState("")
	if _, err := parse([]byte(whole)); err != nil {
		t.Fatalf("the whole one: %v", err)
	}
	for change, says := range map[[2]string]string{
		{`"JSONL"`, `"CSV"`}:                                              "only getObject of JSONL",
		{`s3:getObject`, `s3:listObjectsV2`}:                              "only getObject of JSONL",
		{`"Bucket":"b","Key.$"`, `"Bucket":"b","Kex.$"`}:                  "must be Bucket and Key",
		{`"DISTRIBUTED"`, `"INLINE"`}:                                     "only DISTRIBUTED",
		{`"ExecutionType":"STANDARD"`, `"ExecutionType":"EXPRESS"`}:       "only DISTRIBUTED and STANDARD",
		{`s3:putObject`, `s3:copyObject`}:                                 "only putObject",
		{`"ResultPath"`, `"ItemBatcher":{},"ResultPath"`}:                 `field "ItemBatcher"`,
		{`"ResultPath"`, `"MaxConcurrency":-1,"ResultPath"`}:              "MaxConcurrency is -1",
		{`"ResultPath"`, `"ToleratedFailurePercentage":101,"ResultPath"`}: "not between 0 and 100",
		{`"StartAt":"T"`, `"StartAt":"U"`}:                                `state "U"`,
		{`$$.Map.Item.Value`, `$$.Map.Item.Index`}:                        "not supported",
	} {
		text := strings.Replace(whole, change[0], change[1], 1)
		if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s for %s: got %v, want %q", change[1], change[0], err, says)
		}
	}
	const outside = `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",` +
		`"Parameters":{"FunctionName":"f","Payload.$":"$$.Map.Item.Value"},"End":true`
	if _, err := parse([]byte(one(outside))); err == nil {
		t.Error("an item outside a Map: got no error, want one")
	}
}
