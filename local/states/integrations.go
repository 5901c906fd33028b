package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/template"
)

// serviceFailure names an error as the optimized integrations do: the prefix of the integration and the class that the
// AWS SDK for Java has for the code. fallback is the class of codes without one of their own.
func serviceFailure(prefix, fallback string, err error) error {
	answered, ok := errors.AsType[*api.Error](err)
	if !ok {
		return external(prefix+".SdkClientException", err.Error())
	}
	class := answered.Code
	switch {
	case class == "QueueDoesNotExist":
		class += "Exception"
	case !strings.HasSuffix(class, "Exception"):
		class = fallback
	}
	service := strings.TrimSuffix(fallback, "Exception")
	cause := fmt.Sprintf("%s (Service: %s; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)",
		answered.Message, service, max(answered.Status, 400), answered.Code, uuid.NewString())
	return external(prefix+"."+class, cause)
}

func prepareInvoke(v *visit, parameters map[string]any) (call, error) {
	function, ok := parameters["FunctionName"].(string)
	if !ok {
		return call{}, notText("FunctionName", parameters["FunctionName"])
	}
	payload := []byte(encode(parameters["Payload"]))
	switch kind, given := parameters["InvocationType"]; {
	case kind == "Event":
		return handOver(v, function, payload), nil
	case given && kind != "RequestResponse":
		return call{}, fail(errRuntime, "InvocationType is %s, want Event or RequestResponse (the local stack has no other)",
			encode(kind))
	}
	return call{send: func(ctx context.Context) (any, error) {
		answer, err := v.service.config.Invoke(ctx, function, payload)
		if err != nil {
			return nil, serviceFailure("Lambda", "AWSLambdaException", err)
		}
		if answer.FunctionError != "" {
			return nil, functionFailure(answer.Payload)
		}
		result, err := decode(answer.Payload)
		if err != nil {
			result = string(answer.Payload)
		}
		return map[string]any{"ExecutedVersion": "$LATEST", "Payload": result, "StatusCode": 200}, nil
	}}, nil
}

// handOver returns a call that ends as soon as Lambda has taken the event.
func handOver(v *visit, function string, payload []byte) call {
	return call{change: func(tx *bbolt.Tx) (any, error) {
		if err := v.service.config.InvokeEvent(tx, function, payload); err != nil {
			if _, answered := errors.AsType[*api.Error](err); answered {
				return nil, serviceFailure("Lambda", "AWSLambdaException", err)
			}
			return nil, err
		}
		return map[string]any{"Payload": "", "StatusCode": 202}, nil
	}}
}

// functionFailure takes the error's name from the function's error document. Without one the name is Lambda.Unknown,
// with the cause that AWS gives it.
func functionFailure(payload []byte) error {
	var document struct {
		ErrorType string `json:"errorType"`
	}
	if err := json.Unmarshal(payload, &document); err != nil || document.ErrorType == "" {
		const cause = "The cause could not be determined because Lambda did not return an error type. Returned payload: "
		return external("Lambda.Unknown", cause+string(payload))
	}
	return external(document.ErrorType, string(payload))
}

func prepareSendMessage(v *visit, parameters map[string]any) (call, error) {
	url, ok := parameters["QueueUrl"].(string)
	if !ok {
		return call{}, notText("QueueUrl", parameters["QueueUrl"])
	}
	queue := template.ARN("sqs", url[strings.LastIndexAny(url, "/:")+1:])
	body, ok := parameters["MessageBody"].(string)
	if !ok {
		body = encode(parameters["MessageBody"])
	}
	return call{change: func(tx *bbolt.Tx) (any, error) {
		id, err := v.service.config.SendMessage(tx, queue, body)
		if _, answered := errors.AsType[*api.Error](err); answered {
			return nil, serviceFailure("SQS", "AmazonSQSException", err)
		}
		return map[string]any{"MessageId": id}, err
	}}, nil
}

func notText(name string, v any) error {
	return fail(errRuntime, "The parameter %s is %s, not a string", name, encode(v))
}
