package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/template"
)

var requestID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func TestInvokeOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		payload string
		change  func(*template.Function)
		want    string // of a success
		errType string // of a failure
		message string // request id replaced by ID
		lives   bool   // the same process serves the next event
	}{
		{name: "echo", payload: `{"text":"grüße"}`, want: `"grüße"`, lives: true},
		{name: "no payload", payload: "", want: `""`, lives: true},
		{name: "error", payload: `{"do":"error","text":"no"}`, errType: "errorString", message: "no", lives: true},
		{
			name: "error with a type", payload: `{"do":"response-error","text":"s3://b/k"}`,
			errType: "ObjectGone", message: "s3://b/k", lives: true,
		},
		{
			name: "event of the wrong shape", payload: `[]`, errType: "UnmarshalTypeError",
			message: "json: cannot unmarshal array into Go value of type main.event", lives: true,
		},
		{name: "panic", payload: `{"do":"panic","text":"oh"}`, errType: "string", message: "oh"},
		{
			name: "exit", payload: `{"do":"exit","size":3}`, errType: "Runtime.ExitError",
			message: "RequestId: ID Error: Runtime exited with error: exit status 3",
		},
		{
			name: "exit 0", payload: `{"do":"exit"}`, errType: "Runtime.ExitError",
			message: "RequestId: ID Error: Runtime exited without providing a reason",
		},
		{
			name: "killed", payload: `{"do":"kill"}`, errType: "Runtime.ExitError",
			message: "RequestId: ID Error: Runtime exited with error: signal: killed",
		},
		{
			name: "out of memory", payload: `{"do":"hog"}`, errType: "Runtime.OutOfMemory",
			message: "RequestId: ID Error: Runtime exited with error: signal: killed",
		},
		{
			name: "timeout", payload: `{"do":"hang"}`, change: timeout(1500 * time.Millisecond), errType: "Sandbox.Timedout",
			message: "RequestId: ID Error: Task timed out after 1.50 seconds",
		},
		{
			name:    "large response",
			payload: `{"do":"size","size":6291554}`,
			want:    `"` + strings.Repeat("x", 6291554) + `"`,
			lives:   true,
		},
		{
			name: "too large response", payload: `{"do":"size","size":6291555}`, errType: "Function.ResponseSizeTooLarge",
			message: "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			spec := fn("f", reserved(1))
			if tt.change != nil {
				tt.change(&spec)
			}
			h := startHost(t, Config{Functions: []template.Function{spec}})
			before := mustInvoke[struct{ PID int }](t, h, "f", request("context", "")).PID
			got, err := h.Invoke(t.Context(), "f", []byte(tt.payload))
			if err != nil {
				t.Fatal(err)
			}
			if tt.errType == "" {
				if string(got.Payload) != tt.want || got.FunctionError != "" {
					t.Errorf("got %.100s %q, want %.100s", got.Payload, got.FunctionError, tt.want)
				}
			} else {
				var failure struct{ ErrorType, ErrorMessage string }
				if err := json.Unmarshal(got.Payload, &failure); err != nil {
					t.Fatalf("payload %.100s: %v", got.Payload, err)
				}
				message := requestID.ReplaceAllString(failure.ErrorMessage, "ID")
				if failure.ErrorType != tt.errType || message != tt.message || got.FunctionError != "Unhandled" {
					t.Errorf("got %s %q (%s), want %s %q", failure.ErrorType, message, got.FunctionError, tt.errType, tt.message)
				}
			}
			// One environment is reserved: were the slot or a dying process still
			// held, this would be throttled or fail.
			after := mustInvoke[struct{ PID int }](t, h, "f", request("context", "")).PID
			if (after == before) != tt.lives {
				t.Errorf("process %d, then %d; want the same: %t", before, after, tt.lives)
			}
		})
	}
}

func TestInvokeRefused(t *testing.T) {
	t.Parallel()
	h := startHost(t, Config{Functions: []template.Function{fn("f"), fn("off", reserved(0))}})
	tests := []struct {
		name, function string
		payload        string
		want           api.Error
	}{
		{"unknown", "g", "{}", api.Error{
			Code:    "ResourceNotFoundException",
			Message: "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g",
			Status:  404,
		}},
		{"unknown qualifier", "f:7", "{}", api.Error{
			Code:    "ResourceNotFoundException",
			Message: "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:7",
			Status:  404,
		}},
		{"not JSON", "f", "{", api.Error{
			Code:    "InvalidRequestContentException",
			Message: "Could not parse request body into json: the payload is not valid JSON",
		}},
		{"too large", "f", strings.Repeat(" ", 6<<20) + "1", api.Error{
			Code:    "RequestTooLargeException",
			Message: "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)",
			Status:  413,
		}},
		{"nothing reserved", "off", "{}", api.Error{
			Code: "TooManyRequestsException", Message: "Rate Exceeded.",
			Reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
			Status: 429,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := h.Invoke(t.Context(), tt.function, []byte(tt.payload))
			var got *api.Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want an *api.Error", err)
			}
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInvokeNames(t *testing.T) {
	t.Parallel()
	h := startHost(t, Config{Functions: []template.Function{fn("f")}})
	for _, name := range []string{
		"f", "f:$LATEST", "000000000000:function:f", "arn:aws:lambda:us-east-1:000000000000:function:f",
		"arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
	} {
		if got := mustInvoke[string](t, h, name, request("echo", name)); got != name {
			t.Errorf("got %s, want %s", got, name)
		}
	}
}

// gate is a server whose visitors wait until it is opened.
type gate struct {
	url      string
	visitors chan struct{}
	open     chan struct{}
}

func newGate(t *testing.T) *gate {
	g := &gate{visitors: make(chan struct{}, 100), open: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		g.visitors <- struct{}{}
		<-g.open
	}))
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change []func(*template.Function)
		limit  int
		reason string
	}{
		{"reserved", []func(*template.Function){reserved(2)}, 2, "ReservedFunctionConcurrentInvocationLimitExceeded"},
		{"default", nil, newQuota, "ConcurrentInvocationLimitExceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			h := startHost(t, Config{Functions: []template.Function{fn("f", tt.change...)}})
			pids := make(chan int, tt.limit)
			for range tt.limit {
				go func() { pids <- mustInvoke[int](t, h, "f", request("visit", g.url)) }()
				<-g.visitors
			}
			var refused *api.Error
			if _, err := h.Invoke(t.Context(), "f", nil); !errors.As(err, &refused) || refused.Reason != tt.reason {
				t.Errorf("one too many: %v, want %s", err, tt.reason)
			}
			close(g.open)
			distinct := map[int]bool{}
			var last int
			for range tt.limit {
				last = <-pids
				distinct[last] = true
			}
			if len(distinct) != tt.limit {
				t.Errorf("got %d processes, want %d", len(distinct), tt.limit)
			}
			// Whichever was released last serves all that come one after the other.
			first := mustInvoke[int](t, h, "f", request("visit", g.url))
			for range 5 {
				if pid := mustInvoke[int](t, h, "f", request("visit", g.url)); pid != first || !distinct[pid] {
					t.Errorf("process %d served, want %d again", pid, first)
				}
			}
		})
	}
}

func TestCallerGoesAway(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	h := startHost(t, Config{Functions: []template.Function{fn("f", reserved(1))}})
	ctx, cancel := withCancel(t)
	done := make(chan error)
	go func() {
		_, err := h.Invoke(ctx, "f", request("visit", g.url))
		done <- err
	}()
	<-g.visitors
	cancel()
	if err := <-done; !errors.Is(err, ctx.Err()) {
		t.Errorf("got %v, want %v", err, ctx.Err())
	}
	var busy *api.Error
	if _, err := h.Invoke(t.Context(), "f", nil); !errors.As(err, &busy) || busy.Code != tooManyRequests {
		t.Errorf("got %v while the function goes on, want %s", err, tooManyRequests)
	}
	close(g.open)
	eventually(t, "the environment is free", func() bool {
		_, err := h.Invoke(t.Context(), "f", nil)
		return err == nil
	})
}

func TestInit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, init string
		timeout    time.Duration
		want       string
		starts     int
	}{
		// Lambda starts it again as part of the invocation before it gives up.
		{
			"exits",
			"exit",
			30 * time.Second,
			`{"errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 7","errorType":"Runtime.ExitError"}`,
			2,
		},
		{
			"reports", "report", 30 * time.Second,
			`{"errorType":"NoSettings","errorMessage":"BUCKET is not set"}`, 2,
		},
		{
			"hangs", "hang", time.Second,
			`{"errorMessage":"RequestId: ID Error: Task timed out after 1.00 seconds","errorType":"Sandbox.Timedout"}`, 2,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var logs logbook
			h := startHost(t, Config{
				Functions: []template.Function{fn("f", timeout(tt.timeout), reserved(1), variable("INIT", tt.init))},
				Logs:      logs.write,
			})
			h.initLimit = time.Second
			for n := 1; n <= 2; n++ { // the slot is given back
				got, err := h.Invoke(t.Context(), "f", nil)
				if err != nil {
					t.Fatal(err)
				}
				if payload := requestID.ReplaceAllString(string(got.Payload), "ID"); payload != tt.want {
					t.Errorf("got %s, want %s", payload, tt.want)
				}
				if starts := len(logs.find("f: initialising")); starts != n*tt.starts {
					t.Errorf("got %d starts after %d invocations, want %d", starts, n, n*tt.starts)
				}
			}
		})
	}
}

func TestNoBinary(t *testing.T) {
	t.Parallel()
	missing := t.TempDir() + "/bootstrap"
	h := startHost(t, Config{
		Functions: []template.Function{fn("f", reserved(1))},
		Binary:    func(template.Function) (string, error) { return missing, nil },
	})
	for range 2 {
		got, err := h.Invoke(t.Context(), "f", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"Runtime.InvalidEntrypoint", missing} {
			if !strings.Contains(string(got.Payload), part) {
				t.Errorf("got %s, want %s in it", got.Payload, part)
			}
		}
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	var logs logbook
	h := startHost(t, Config{Functions: []template.Function{fn("f")}, Logs: logs.write})
	long := strings.Repeat("x", 3*maxLine)
	result, err := h.Invoke(t.Context(), "f", request("print", "one\n\n"+long+"\nhalf"))
	if err != nil || result.FunctionError != "" {
		t.Fatal(err, string(result.Payload))
	}
	lines := logs.find("f: ") // all of them, when Invoke has returned
	if diff := cmp.Diff([]string{"initialising", "one", ""}, lines[:3]); diff != "" {
		t.Error(diff)
	}
	if pieces := lines[3:]; len(pieces) < 2 || strings.Join(pieces, "") != long {
		t.Errorf(
			"got %d pieces with %d bytes of the long line, want some with %d",
			len(pieces),
			len(strings.Join(pieces, "")),
			len(long),
		)
	}
	h.Close()
	if half := logs.find("f: half"); len(half) != 1 {
		t.Error("got no last line, want it without its end")
	}
	if _, err := h.Invoke(t.Context(), "f", nil); err == nil || !strings.HasPrefix(err.Error(), "ServiceException") {
		t.Errorf("invoke after Close: got %v, want ServiceException", err)
	}
}

func BenchmarkInvoke(b *testing.B) {
	for _, freeze := range []bool{false, true} {
		b.Run(fmt.Sprintf("freeze=%t", freeze), func(b *testing.B) {
			h := startHost(b, Config{Functions: []template.Function{fn("f")}, Freeze: freeze})
			payload := request("echo", "x")
			mustInvoke[string](b, h, "f", payload)
			times := make([]time.Duration, 0, b.N)
			for b.Loop() {
				start := time.Now()
				mustInvoke[string](b, h, "f", payload)
				times = append(times, time.Since(start))
			}
			reportQuantiles(b, times)
		})
	}
}
