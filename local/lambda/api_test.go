package lambda

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

// newClient is the SDK's client of a host's HTTP API.
func newClient(t *testing.T, h *Host) *lambda.Client {
	server := httptest.NewServer(h.Handler())
	t.Cleanup(server.Close)
	return lambda.New(lambda.Options{
		BaseEndpoint: &server.URL, Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

func TestAPIInvoke(t *testing.T) {
	t.Parallel()
	c := newClient(t, startHost(t, Config{Functions: []template.Function{fn("f")}}))
	tests := []struct {
		name          string
		in            lambda.InvokeInput
		status        int32
		payload       string
		functionError string
		log           string
	}{
		{"by name", lambda.InvokeInput{Payload: request("echo", "x")}, 200, `"x"`, "", ""},
		{"by ARN", lambda.InvokeInput{FunctionName: aws.String(fn("f").ARN + ":$LATEST"), Payload: request("echo", "x")}, 200, `"x"`, "", ""},
		{"qualified", lambda.InvokeInput{Qualifier: aws.String("$LATEST"), Payload: request("echo", "x")}, 200, `"x"`, "", ""},
		{"function error", lambda.InvokeInput{Payload: request("error", "no")}, 200, `{"errorMessage":"no","errorType":"errorString"}`, "Unhandled", ""},
		{"log", lambda.InvokeInput{LogType: types.LogTypeTail, Payload: request("print", strings.Repeat("y", 5000)+"\nlast\n")},
			200, "null", "", strings.Repeat("y", maxTail-6) + "\nlast\n"},
		{"dry run", lambda.InvokeInput{InvocationType: types.InvocationTypeDryRun}, 204, "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.in.FunctionName == nil {
				tt.in.FunctionName = aws.String("f")
			}
			out, err := c.Invoke(t.Context(), &tt.in)
			if err != nil {
				t.Fatal(err)
			}
			log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
			if err != nil {
				t.Fatal(err)
			}
			got := []any{out.StatusCode, string(out.Payload), aws.ToString(out.FunctionError), string(log), aws.ToString(out.ExecutedVersion)}
			if diff := cmp.Diff([]any{tt.status, tt.payload, tt.functionError, tt.log, "$LATEST"}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPIErrors(t *testing.T) {
	t.Parallel()
	c := newClient(t, startHost(t, Config{Functions: []template.Function{fn("f"), fn("off", reserved(0))}}))
	invoke := func(function, payload string, kind types.InvocationType) error {
		_, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Payload: []byte(payload), InvocationType: kind})
		return err
	}
	tests := []struct {
		name   string
		err    error
		target any
	}{
		{"unknown", invoke("g", "{}", ""), new(*types.ResourceNotFoundException)},
		{"unknown version", invoke("f:3", "{}", ""), new(*types.ResourceNotFoundException)},
		{"not JSON", invoke("f", "{", ""), new(*types.InvalidRequestContentException)},
		{"too large", invoke("f", `"`+strings.Repeat("x", 6<<20)+`"`, ""), new(*types.RequestTooLargeException)},
		{"far too large", invoke("f", `"`+strings.Repeat("x", 13<<20)+`"`, ""), new(*types.RequestTooLargeException)},
		{"event not JSON", invoke("f", "{", types.InvocationTypeEvent), new(*types.InvalidRequestContentException)},
		{"event too large", invoke("f", `"`+strings.Repeat("x", 1<<20)+`"`, types.InvocationTypeEvent), new(*types.RequestTooLargeException)},
		{"unknown type", invoke("f", "{}", "Later"), new(*types.InvalidParameterValueException)},
		{"throttled", invoke("off", "{}", ""), new(*types.TooManyRequestsException)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !errors.As(tt.err, tt.target) {
				t.Errorf("got %v, want a %T", tt.err, tt.target)
			}
			var throttled *types.TooManyRequestsException
			if errors.As(tt.err, &throttled) && throttled.Reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded {
				t.Errorf("reason %q", throttled.Reason)
			}
		})
	}
	t.Run("unknown operation", func(t *testing.T) {
		_, err := c.ListLayers(t.Context(), &lambda.ListLayersInput{})
		var named smithy.APIError
		if !errors.As(err, &named) || named.ErrorCode() != "UnknownOperationException" {
			t.Errorf("got %v", err)
		}
	})
}

func TestAPIDescribe(t *testing.T) {
	t.Parallel()
	source := template.QueueSource{QueueARN: "arn:aws:sqs:us-east-1:000000000000:uploads", ReportFailures: true, Window: time.Second}
	c := newClient(t, startHost(t, Config{Functions: []template.Function{
		fn("b", reserved(4), func(f *template.Function) { f.Sources = []template.QueueSource{source} }),
		fn("a", variable("K", "v")),
	}}))
	list, err := c.ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range list.Functions {
		names = append(names, *f.FunctionName)
	}
	if diff := cmp.Diff([]string{"b", "a"}, names); diff != "" {
		t.Error(diff)
	}
	b, err := c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("b")})
	if err != nil || *b.Concurrency.ReservedConcurrentExecutions != 4 || *b.Configuration.FunctionArn != fn("b").ARN {
		t.Errorf("%v %+v", err, b)
	}
	a, err := c.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("a")})
	if err != nil || *a.Timeout != 30 || *a.MemorySize != 128 || a.Environment.Variables["K"] != "v" || a.State != types.StateActive {
		t.Errorf("%v %+v", err, a)
	}
	for function, want := range map[string]int{"": 1, "b": 1, "a": 0} {
		in := &lambda.ListEventSourceMappingsInput{}
		if function != "" {
			in.FunctionName = &function
		}
		out, err := c.ListEventSourceMappings(t.Context(), in)
		if err != nil || len(out.EventSourceMappings) != want {
			t.Fatalf("mappings of %q: %v %+v", function, err, out)
		}
		for _, m := range out.EventSourceMappings {
			if *m.EventSourceArn != source.QueueARN || *m.BatchSize != 10 || *m.ScalingConfig.MaximumConcurrency != 5 ||
				len(m.FunctionResponseTypes) != 1 || *m.MaximumBatchingWindowInSeconds != 1 {
				t.Errorf("mapping %+v", m)
			}
		}
	}
}

func TestAPIEvent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, payload, line string
		runs                int
	}{
		{"success", string(request("print", "ran\n")), "f: ran", 1},
		{"function error", string(request("panic", "no")), "f: initialising", 3}, // each panic ends a process
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var logs logbook
			h := startHost(t, Config{Functions: []template.Function{fn("f")}, Logs: logs.write, Scale: 1e6})
			server := httptest.NewServer(h.Handler())
			defer server.Close()
			req, err := http.NewRequest("POST", server.URL+"/2015-03-31/functions/f/invocations", strings.NewReader(tt.payload))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Amz-Invocation-Type", "Event")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusAccepted || len(body) > 0 {
				t.Errorf("%s: %s", resp.Status, body)
			}
			h.running.Wait() // until it is done, or given up
			if runs := len(logs.find(tt.line)); runs != tt.runs {
				t.Errorf("%d runs, want %d", runs, tt.runs)
			}
		})
	}
}
