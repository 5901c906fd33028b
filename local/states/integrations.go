package states

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/template"
)

// response adds what Step Functions puts beside the members of an SDK's answer.
func response(members map[string]any) map[string]any {
	id := uuid.NewString()
	members["SdkHttpMetadata"] = map[string]any{
		"AllHttpHeaders": map[string]any{"x-amzn-RequestId": []any{id}},
		"HttpHeaders":    map[string]any{"x-amzn-RequestId": id},
		"HttpStatusCode": int64(200),
	}
	members["SdkResponseMetadata"] = map[string]any{"RequestId": id}
	return members
}

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

// prepareInvoke checks its parameters before the task is scheduled, as all of
// them do: AWS writes no TaskScheduled for a request that it cannot make.
func prepareInvoke(v *visit, parameters map[string]any) (call, error) {
	function, ok := parameters["FunctionName"].(string)
	if !ok {
		return nil, notText("FunctionName", parameters["FunctionName"])
	}
	payload, given := parameters["Payload"]
	if !given {
		payload = map[string]any{}
	}
	text, ok := payload.(string)
	if !ok || !json.Valid([]byte(text)) { // a string that is JSON is the payload itself
		text = encode(payload)
	}
	invoke := v.invoke(function, text)
	return func(ctx context.Context) (any, error) {
		result, err := invoke(ctx)
		if err != nil {
			return nil, err
		}
		return response(map[string]any{"ExecutedVersion": "$LATEST", "Payload": result, "StatusCode": int64(200)}), nil
	}, nil
}

// invokeDirectly serves a function's own ARN as the resource: the input is the
// payload and the result is what the function returned, without an envelope.
func (v *visit) invokeDirectly(function string, input any) call {
	return v.invoke(function, encode(input))
}

func (v *visit) invoke(function, payload string) call {
	invoke := v.x.service.config.Invoke
	return func(ctx context.Context) (any, error) {
		answer, err := invoke(ctx, function, []byte(payload))
		if err != nil {
			return nil, serviceFailure("Lambda", "AWSLambdaException", err)
		}
		if answer.FunctionError != "" {
			return nil, functionFailure(answer.Payload)
		}
		if len(answer.Payload) == 0 {
			return nil, nil
		}
		result, err := decode(answer.Payload)
		if err != nil {
			return string(answer.Payload), nil
		}
		return result, nil
	}
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
		return nil, notText("QueueUrl", parameters["QueueUrl"])
	}
	body := asText(parameters["MessageBody"])
	send := v.x.service.config.SendMessage
	return func(ctx context.Context) (any, error) {
		id, err := send(ctx, queueARN(url), body)
		if err != nil {
			return nil, serviceFailure("SQS", "AmazonSQSException", err)
		}
		sum := md5.Sum([]byte(body))
		return response(map[string]any{"MessageId": id, "MD5OfMessageBody": hex.EncodeToString(sum[:])}), nil
	}, nil
}

// queueARN reads the account and the name that every form of queue URL ends with.
func queueARN(url string) string {
	parts := strings.Split(strings.TrimSuffix(url, "/"), "/")
	if strings.HasPrefix(url, "arn:") || len(parts) < 2 {
		return url
	}
	return strings.Join([]string{"arn", template.Partition, "sqs", template.Region, parts[len(parts)-2], parts[len(parts)-1]}, ":")
}

func preparePublish(v *visit, parameters map[string]any) (call, error) {
	n := Notification{Attributes: map[string]Attribute{}}
	for name, target := range map[string]*string{"TopicArn": &n.TopicARN, "Subject": &n.Subject} {
		value, given := parameters[name]
		if text, ok := value.(string); ok {
			*target = text
		} else if given {
			return nil, notText(name, value)
		}
	}
	n.Message = asText(parameters["Message"])
	if raw, given := parameters["MessageAttributes"]; given {
		if err := json.Unmarshal([]byte(encode(raw)), &n.Attributes); err != nil {
			return nil, fail(errRuntime, "The parameter MessageAttributes is not a map of attributes: %v", err)
		}
	}
	publish := v.x.service.config.Publish
	return func(ctx context.Context) (any, error) {
		id, err := publish(ctx, n)
		if err != nil {
			return nil, serviceFailure("SNS", "AmazonSNSException", err)
		}
		return response(map[string]any{"MessageId": id}), nil
	}, nil
}

// preparePutEvents fails the state when any entry fails, with the whole answer as
// the cause (developer guide, "Add EventBridge events").
func preparePutEvents(v *visit, parameters map[string]any) (call, error) {
	var entries []struct {
		Source, DetailType, EventBusName string
		Detail                           any
		Resources                        []string
	}
	if err := json.Unmarshal([]byte(encode(parameters["Entries"])), &entries); err != nil {
		return nil, fail(errRuntime, "The parameter Entries is not a list of events: %v", err)
	}
	put := v.x.service.config.PutEvent
	return func(ctx context.Context) (any, error) {
		answers := make([]any, len(entries))
		failed := int64(0)
		for i, e := range entries {
			err := put(ctx, Event{
				Source: e.Source, DetailType: e.DetailType, Bus: e.EventBusName,
				Detail: json.RawMessage(asText(e.Detail)), Resources: append(e.Resources, v.x.machine.ARN, v.x.arn),
			})
			answers[i] = map[string]any{"EventId": uuid.NewString()}
			if err != nil {
				failed++
				answers[i] = putFailure(err)
			}
		}
		answer := map[string]any{"Entries": answers, "FailedEntryCount": failed}
		if failed > 0 {
			return nil, external("EventBridge.FailedEntry", encode(answer))
		}
		return response(answer), nil
	}, nil
}

// putFailure is the entry of an answer for an event that the bus refused.
func putFailure(err error) any {
	answered := &ServiceError{Code: "InternalFailure", Message: err.Error()}
	errors.As(err, &answered)
	return map[string]any{"ErrorCode": answered.Code, "ErrorMessage": answered.Message}
}

// asText gives what services take as text: JSON for whatever is not a string.
func asText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return encode(v)
}

func notText(name string, v any) error {
	return fail(errRuntime, "The parameter %s is %s, not a string", name, encode(v))
}
