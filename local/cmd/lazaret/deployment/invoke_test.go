package deployment_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

type fakeLambda func(payload string) (*lambda.InvokeOutput, error)

func (f fakeLambda) Invoke(
	_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options),
) (*lambda.InvokeOutput, error) {
	return f(string(in.Payload))
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	unhandled := aws.String("Unhandled")
	tests := []struct {
		name       string
		out        lambda.InvokeOutput
		err        error
		want       string // in the error; none if empty
		ofFunction bool
		absent     bool
	}{
		{name: "answer", out: lambda.InvokeOutput{Payload: []byte(`{"count": 2}`)}},
		{
			name: "error of the function",
			out: lambda.InvokeOutput{
				FunctionError: unhandled, Payload: []byte(`{"errorMessage":"pin: no such generation","errorType":"E"}`),
			},
			want: "pin: no such generation", ofFunction: true,
		},
		{
			name: "error without a message", out: lambda.InvokeOutput{FunctionError: unhandled, Payload: []byte(`{}`)},
			want: "Unhandled", ofFunction: true,
		},
		{name: "refused", err: errors.New("AccessDenied"), want: "invoke f: AccessDenied"},
		{
			name: "no such function", err: &types.ResourceNotFoundException{},
			want: "no such stack: this account and region have no function f", absent: true,
		},
		{
			name: "answer that is no JSON", out: lambda.InvokeOutput{Payload: []byte("x")},
			want: "invoke f: decode the answer: ",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var answer struct{ Count int }
			client := fakeLambda(func(payload string) (*lambda.InvokeOutput, error) {
				if payload != `"request"` {
					t.Errorf("got the payload %s, want \"request\"", payload)
				}
				return &test.out, test.err
			})
			err := deployment.Invoke(t.Context(), client, "f", "request", &answer)
			_, ofFunction := errors.AsType[deployment.FunctionError](err)
			if ofFunction != test.ofFunction || (err != nil) != (test.want != "") {
				t.Fatalf(
					"got error %v (of the function: %v), want %q (%v)",
					err,
					ofFunction,
					test.want,
					test.ofFunction,
				)
			}
			if errors.Is(err, deployment.ErrNotFound) != test.absent {
				t.Errorf("got error %v, want an ErrNotFound: %t", err, test.absent)
			}
			if err != nil && !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got error %q, want %q", err, test.want)
			}
			if err == nil && answer.Count != 2 {
				t.Errorf("got answer %+v, want the count 2", answer)
			}
		})
	}
}
