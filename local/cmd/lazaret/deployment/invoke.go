package deployment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// Invoker is what Invoke calls of Lambda.
type Invoker interface {
	Invoke(context.Context, *lambda.InvokeInput, ...func(*lambda.Options)) (*lambda.InvokeOutput, error)
}

// FunctionError is the error that a function has returned.
type FunctionError struct{ Message string }

func (e FunctionError) Error() string { return terminal.Quote(e.Message) }

// Invoke calls a function with a request and decodes its answer. An error of the function is a
// FunctionError, and that there is no such function an ErrNotFound.
func Invoke(ctx context.Context, client Invoker, function string, request, answer any) error {
	payload, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("invoke %s: encode the request: %w", function, err)
	}
	out, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, Payload: payload})
	if _, absent := errors.AsType[*types.ResourceNotFoundException](err); absent {
		return fmt.Errorf("%w: this account and region have no function %s", ErrNotFound, function)
	}
	if err != nil {
		return fmt.Errorf("invoke %s: %w", function, err)
	}
	if out.FunctionError != nil {
		message := job.Message(string(out.Payload))
		if message == string(out.Payload) { // not an error that Lambda has encoded
			message = aws.ToString(out.FunctionError)
		}
		return FunctionError{Message: message}
	}
	if err := json.Unmarshal(out.Payload, answer); err != nil {
		return fmt.Errorf("invoke %s: decode the answer: %w", function, err)
	}
	return nil
}
