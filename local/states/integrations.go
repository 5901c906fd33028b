package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/template"
)

// serviceFailure names an error as the optimized integrations do: the prefix of
// the integration and the class that the AWS SDK for Java has for the code.
// fallback is its class for codes without one of their own.
func serviceFailure(prefix, fallback string, err error) error {
	var answered *ServiceError
	if !errors.As(err, &answered) {
		return external(prefix+".SdkClientException", err.Error())
	}
	class := answered.Code[strings.LastIndexByte(answered.Code, '.')+1:]
	switch {
	case class == "NonExistentQueue": // the code that SQS's query protocol has for it
		class = "QueueDoesNotExistException"
	case class == "QueueDoesNotExist" || class == "NotFound":
		class += "Exception"
	case !strings.HasSuffix(class, "Exception"):
		class = fallback
	}
	cause := fmt.Sprintf("%s (Service: %s; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)",
		answered.Message, strings.TrimSuffix(fallback, "Exception"), max(answered.Status, 400), answered.Code, uuid.NewString())
	return external(prefix+"."+class, cause)
}

// prepareInvoke, like prepareSendMessage, checks its parameters before the task is
// scheduled: AWS writes no TaskScheduled for a request that it cannot make.
func prepareInvoke(v *visit, parameters map[string]any) (call, error) {
	function, ok := parameters["FunctionName"].(string)
	if !ok {
		return call{}, notText("FunctionName", parameters["FunctionName"])
	}
	payload := parameters["Payload"]
	text, ok := payload.(string)
	if !ok || !json.Valid([]byte(text)) { // a string that is JSON is the payload itself
		text = encode(payload)
	}
	invoke := v.service.config.Invoke
	return call{send: func(ctx context.Context) (any, error) {
		answer, err := invoke(ctx, function, []byte(text))
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

// functionFailure takes the error's name from the function's error document.
// Without one the name is Lambda.Unknown, with the cause that AWS gives it.
func functionFailure(payload []byte) error {
	var document struct {
		ErrorType string `json:"errorType"`
	}
	if err := json.Unmarshal(payload, &document); err != nil || document.ErrorType == "" {
		return external("Lambda.Unknown", "The cause could not be determined because Lambda did not return an error type. Returned payload: "+string(payload))
	}
	return external(document.ErrorType, string(payload))
}

func prepareSendMessage(v *visit, parameters map[string]any) (call, error) {
	url, ok := parameters["QueueUrl"].(string)
	if !ok {
		return call{}, notText("QueueUrl", parameters["QueueUrl"])
	}
	body, ok := parameters["MessageBody"].(string)
	if !ok {
		body = encode(parameters["MessageBody"])
	}
	send := v.service.config.SendMessage
	return call{change: func(tx *bbolt.Tx) (any, error) {
		id, err := send(tx, queueARN(url), body)
		if answered := (*ServiceError)(nil); errors.As(err, &answered) {
			return nil, serviceFailure("SQS", "AmazonSQSException", err)
		}
		return map[string]any{"MessageId": id}, err
	}}, nil
}

// queueARN reads the account and the name that every form of queue URL ends with.
func queueARN(url string) string {
	parts := strings.Split(strings.TrimSuffix(url, "/"), "/")
	if strings.HasPrefix(url, "arn:") || len(parts) < 2 {
		return url
	}
	return strings.Join([]string{"arn", template.Partition, "sqs", template.Region, parts[len(parts)-2], parts[len(parts)-1]}, ":")
}

func notText(name string, v any) error {
	return fail(errRuntime, "The parameter %s is %s, not a string", name, encode(v))
}
