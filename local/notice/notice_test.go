package notice

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/lambda"
)

// watched is a watch whose clock the test moves, and what it told.
func watched() (w *Watch, told *[]Notice, pass func(time.Duration)) {
	told = new([]Notice)
	clock := time.Date(2026, 11, 28, 19, 0, 0, 0, time.UTC)
	w = NewWatch("lazaret", func(n Notice) { *told = append(*told, n) })
	w.now = func() time.Time { return clock }
	return w, told, func(d time.Duration) { clock = clock.Add(d) }
}

func unhandled(errorType, message string) lambda.Result {
	payload, _ := json.Marshal(map[string]string{"errorType": errorType, "errorMessage": message})
	return lambda.Result{FunctionError: "Unhandled", Payload: payload}
}

// A failure is told at once, the same again is counted, and its end is told.
func TestFunctionNotices(t *testing.T) {
	t.Parallel()
	w, told, pass := watched()
	start := w.now()
	exit := unhandled("Runtime.ExitError", "exit status 1")
	w.Invoked("lazaret-dispatch", lambda.Result{Payload: []byte(`{"batchItemFailures":[]}`)}, nil)
	w.Invoked("lazaret-dispatch", exit, nil)
	w.Invoked("lazaret-dispatch", exit, nil)
	w.Invoked("lazaret-dispatch", unhandled("Sandbox.Timedout", "timed out"), nil) // another one
	w.Invoked("lazaret-fetch", unhandled("ObjectGone", "gone"), nil)               // an outcome
	w.Invoked("lazaret-fetch", lambda.Result{}, errors.New("start: no such file"))
	pass(quietTime)
	w.Invoked("lazaret-dispatch", unhandled("Sandbox.Timedout", "timed out"), nil)
	w.Invoked("lazaret-dispatch", lambda.Result{Payload: []byte("{}")}, nil)
	w.Invoked(
		"lazaret-dispatch",
		lambda.Result{Payload: []byte(`{"batchItemFailures":[{"itemIdentifier":"1"},{"itemIdentifier":"2"}]}`)},
		nil,
	)
	later := start.Add(quietTime)
	want := []Notice{
		{Time: start, What: FunctionFailed, Subject: "dispatch", Detail: "Runtime.ExitError: exit status 1", Times: 1},
		{Time: start, What: FunctionFailed, Subject: "dispatch", Detail: "Sandbox.Timedout: timed out", Times: 2},
		{Time: start, What: FunctionFailed, Subject: "fetch", Detail: "start: no such file", Times: 1},
		{Time: later, What: FunctionFailed, Subject: "dispatch", Detail: "Sandbox.Timedout: timed out", Times: 1},
		{Time: later, What: FunctionRecovered, Subject: "dispatch", Times: 4},
		{
			Time:    later,
			What:    FunctionFailed,
			Subject: "dispatch",
			Detail:  "gave 2 messages back to its queue: logs/dispatch.log says why",
			Times:   1,
		},
	}
	if diff := cmp.Diff(want, *told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestExecutionNotices(t *testing.T) {
	t.Parallel()
	const object = `"object":{"bucket":"b","key":"a b","versionId":"v","eTag":"e","size":1}`
	tests := []struct {
		name, status, failure, cause, output string
		what, detail                         string
	}{
		{"running", "RUNNING", "", "", "", "", ""},
		{"clean", "SUCCEEDED", "", "", `{` + object + `,"scan":{"verdict":"CLEAN"}}`, "CLEAN", ""},
		{
			"infected",
			"SUCCEEDED",
			"",
			"",
			`{` + object + `,"scan":{"verdict":"INFECTED","signature":"Eicar"},"copy":{"bucket":"q","key":"k"}}`,
			"INFECTED",
			"Eicar, moved to s3://q/k",
		},
		{
			"infected and gone",
			"SUCCEEDED",
			"",
			"",
			`{` + object + `,"scan":{"verdict":"INFECTED","signature":"Eicar"},"error":{"Error":"ObjectGone"}}`,
			"INFECTED",
			"Eicar, gone before it was moved",
		},
		{
			"promoted",
			"SUCCEEDED",
			"",
			"",
			`{` + object + `,"scan":{"verdict":"CLEAN"},"copy":{"bucket":"c","key":"a b"}}`,
			"CLEAN",
			"moved to 's3://c/a b'",
		},
		{
			"unscannable",
			"SUCCEEDED",
			"",
			"",
			`{` + object + `,"scan":{"verdict":"UNSCANNABLE","reason":"encrypted"}}`,
			"UNSCANNABLE",
			"encrypted",
		},
		{"gone", "SUCCEEDED", "", "", `{` + object + `,"error":{"Error":"ObjectGone"}}`, Gone, ""},
		{
			"superseded",
			"SUCCEEDED",
			"",
			"",
			`{` + object + `,"scan":{"verdict":"CLEAN"},"error":{"Error":"Superseded"}}`,
			Superseded,
			"",
		},
		{
			"dead letter",
			"FAILED",
			"DeadLettered",
			`{"errorType":"TagLimit","errorMessage":"ten tags"}`,
			"",
			NoVerdict,
			"TagLimit: ten tags",
		},
		{"stopped", "ABORTED", "", "", "", NoVerdict, "ABORTED"},
		{"failed outside", "FAILED", "States.Runtime", "no such path", "", NoVerdict, "States.Runtime: no such path"},
		{"another machine's", "SUCCEEDED", "", "", `{"x":1}`, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w, told, _ := watched()
			detail := map[string]any{
				"status":    test.status,
				"startDate": 1000,
				"stopDate":  1250,
				"input":     `{` + object + `}`,
				"output":    nil,
				"error":     nil,
				"cause":     nil,
			}
			for field, value := range map[string]string{"output": test.output, "error": test.failure, "cause": test.cause} {
				if value != "" {
					detail[field] = value
				}
			}
			if test.status == "RUNNING" {
				detail["stopDate"] = nil
			}
			text, err := json.Marshal(detail)
			if err != nil {
				t.Fatal(err)
			}
			w.StatusChanged(text)
			var want []Notice
			if test.what != "" {
				want = []Notice{
					{
						Time: time.UnixMilli(
							1250,
						),
						What:    test.what,
						Subject: "'s3://b/a b?versionId=v'",
						Detail:  test.detail,
						Took:    250 * time.Millisecond,
					},
				}
			}
			if diff := cmp.Diff(want, *told); diff != "" && len(want)+len(*told) > 0 {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// An Express execution that came to no end of its job is told as such, and is no verdict.
func TestExpressNotices(t *testing.T) {
	t.Parallel()
	const input = `{"object":{"bucket":"b","key":"k","versionId":"v"}}`
	for name, tt := range map[string]struct {
		status, failure, output, what, detail string
	}{
		"verdict":     {"SUCCEEDED", "", `{"object":{"bucket":"b","key":"k"},"scan":{"verdict":"CLEAN"}}`, "CLEAN", ""},
		"dead letter": {"FAILED", "DeadLettered", "", NoVerdict, "FAILED"},
		"failed":      {"FAILED", "States.Runtime", "", Again, "States.Runtime"},
		"timed out":   {"TIMED_OUT", "", "", Again, "TIMED_OUT"},
	} {
		w, told, _ := watched()
		detail, err := json.Marshal(map[string]any{
			"status": tt.status, "error": tt.failure, "input": input, "output": tt.output, "startDate": 1000, "stopDate": 1250,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.ExpressEnded(detail)
		if len(*told) != 1 || (*told)[0].What != tt.what || (*told)[0].Detail != tt.detail {
			t.Errorf("%s: told %+v, want %s %q", name, *told, tt.what, tt.detail)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	w, _, _ := watched()
	handler := w.Handler(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }),
	)
	ask := func(method, path string) (int, string) {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(method, path, nil))
		return answer.Code, answer.Body.String()
	}
	if code, body := ask("GET", "/_lazaret/health"); code != http.StatusOK || !strings.Contains(body, `"status":"ok"`) {
		t.Errorf("at first: %d %s", code, body)
	}
	w.Invoked("lazaret-dispatch", unhandled("Runtime.ExitError", "exit status 1"), nil)
	code, body := ask("GET", "/_lazaret/health")
	if code != http.StatusServiceUnavailable || !strings.Contains(body, "exit status 1") {
		t.Errorf("with a function that fails: %d %s", code, body)
	}
	w.Invoked("lazaret-dispatch", lambda.Result{}, nil)
	if code, body := ask("GET", "/_lazaret/health"); code != http.StatusOK || !strings.Contains(body, `"failures":1`) {
		t.Errorf("with one that works again: %d %s", code, body)
	}
	for path, want := range map[string]int{
		"/_lazaret/": 404, "/_lazaret/x": 404,
		"/_lazaret": http.StatusTeapot, "/bucket/_lazaret/health": http.StatusTeapot,
	} {
		if code, _ := ask("GET", path); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
	if code, _ := ask("POST", "/_lazaret/health"); code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", code)
	}
}
