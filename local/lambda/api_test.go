package lambda

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

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
	}{
		{"by name", lambda.InvokeInput{Payload: request("echo", "x")}, 200, `"x"`, ""},
		{
			"by ARN",
			lambda.InvokeInput{FunctionName: aws.String(fn("f").ARN + ":$LATEST"), Payload: request("echo", "x")},
			200,
			`"x"`,
			"",
		},
		{
			"function error",
			lambda.InvokeInput{Payload: request("error", "no")},
			200,
			`{"errorMessage":"no","errorType":"errorString"}`,
			"Unhandled",
		},
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
			got := []any{out.StatusCode, string(out.Payload), aws.ToString(out.FunctionError), aws.ToString(out.ExecutedVersion)}
			if diff := cmp.Diff([]any{tt.status, tt.payload, tt.functionError, "$LATEST"}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPIErrors(t *testing.T) {
	t.Parallel()
	c := newClient(t, startHost(t, Config{Functions: []template.Function{fn("f"), fn("off", reserved(0))}}))
	invoke := func(function, payload string, kind types.InvocationType) error {
		_, err := c.Invoke(
			t.Context(),
			&lambda.InvokeInput{FunctionName: &function, Payload: []byte(payload), InvocationType: kind},
		)
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
		{"dry run", invoke("f", "{}", types.InvocationTypeDryRun), new(*types.InvalidParameterValueException)},
		{"event for nobody", invoke("g", "{}", types.InvocationTypeEvent), new(*types.ResourceNotFoundException)},
		{"throttled", invoke("off", "{}", ""), new(*types.TooManyRequestsException)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !errors.As(tt.err, tt.target) {
				t.Errorf("got %v, want a %T", tt.err, tt.target)
			}
			var throttled *types.TooManyRequestsException
			if errors.As(tt.err, &throttled) &&
				throttled.Reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded {
				t.Errorf("got reason %q, want the reserved concurrency", throttled.Reason)
			}
		})
	}
	t.Run("unknown operation", func(t *testing.T) {
		_, err := c.ListLayers(t.Context(), &lambda.ListLayersInput{})
		var named smithy.APIError
		if !errors.As(err, &named) || named.ErrorCode() != "UnknownOperationException" {
			t.Errorf("got %v, want UnknownOperationException", err)
		}
	})
}

func TestAPIConcurrency(t *testing.T) {
	t.Parallel()
	c := newClient(t, startHost(t, Config{Functions: []template.Function{fn("a"), fn("b", reserved(4))}}))
	for name, want := range map[string]*int32{"a": nil, "b": aws.Int32(4)} {
		got, err := c.GetFunctionConcurrency(t.Context(), &lambda.GetFunctionConcurrencyInput{FunctionName: &name})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.ReservedConcurrentExecutions); diff != "" {
			t.Errorf("reserved by %s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAPIMappings(t *testing.T) {
	t.Parallel()
	source := template.QueueSource{QueueARN: uploads, BatchSize: 5, MaxConcurrency: 2, ReportFailures: true}
	second := source
	second.QueueARN += "-rescans"
	c := newClient(t, startHost(t, Config{Functions: []template.Function{
		fn("a"), fn("b", func(f *template.Function) { f.Sources = []template.QueueSource{source, second} }),
	}}))
	for name, want := range map[string]int{"": 2, "a": 0, "b": 2} {
		in := &lambda.ListEventSourceMappingsInput{}
		if name != "" {
			in.FunctionName = &name
		}
		got, err := c.ListEventSourceMappings(t.Context(), in)
		if err != nil || len(got.EventSourceMappings) != want {
			t.Fatalf("of %q: %v, %v, want %d", name, got, err, want)
		}
		for i, m := range got.EventSourceMappings {
			queue := []string{uploads, second.QueueARN}[i]
			if *m.EventSourceArn != queue || *m.UUID == *got.EventSourceMappings[1-i].UUID ||
				*m.FunctionArn != fn("b").ARN || *m.State != "Enabled" || *m.BatchSize != 5 ||
				*m.ScalingConfig.MaximumConcurrency != 2 ||
				m.FunctionResponseTypes[0] != types.FunctionResponseTypeReportBatchItemFailures {
				t.Errorf("of %q: got %+v, want the mapping of b", name, m)
			}
		}
	}
	_, err := c.ListEventSourceMappings(
		t.Context(),
		&lambda.ListEventSourceMappingsInput{FunctionName: aws.String("none")},
	)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); !missing {
		t.Errorf("of an unknown function: got %v, want ResourceNotFoundException", err)
	}
}
