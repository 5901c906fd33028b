package console

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// refuse answers every request as AWS does when the caller lacks the permission, in the protocol of the request.
func refuse(w http.ResponseWriter, r *http.Request) {
	const says = "User: u is not authorized to perform: the operation"
	switch {
	case r.Header.Get("Smithy-Protocol") != "":
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write(cbor.Encode(cbor.Map{"__type": cbor.String("AccessDeniedException"), "message": cbor.String(says)}))
	case r.Header.Get("X-Amz-Target") != "", strings.HasPrefix(r.URL.Path, "/20"): // Lambda's paths begin with a date
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, `{"__type":"AccessDeniedException","message":%q}`, says)
	case r.Method == http.MethodPost && r.URL.Path == "/":
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>%s</Message></Error></ErrorResponse>",
			says)
	default:
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, "<Error><Code>AccessDenied</Code><Message>%s</Message></Error>", says)
	}
}

// A caller who may do nothing is told on every page what is missing.
func TestNothingAllowed(t *testing.T) {
	t.Parallel()
	var found atomic.Bool
	var endpoint *httptest.Server
	endpoint = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch target := r.Header.Get("X-Amz-Target"); {
		case !found.Load() && target == "AmazonSQS.GetQueueUrl":
			_, _ = fmt.Fprintf(w, `{"QueueUrl":"%s/123456789012/ward-uploads"}`, endpoint.URL)
		case !found.Load() && target == "AmazonSQS.GetQueueAttributes":
			_, _ = io.WriteString(w, `{"Attributes":{"QueueArn":"arn:aws:sqs:eu-central-1:123456789012:ward-uploads"}}`)
		default:
			refuse(w, r)
		}
	}))
	t.Cleanup(endpoint.Close)
	cfg := aws.Config{
		Region: "eu-central-1", BaseEndpoint: &endpoint.URL,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}
	stack, err := deployment.Find(t.Context(), awsclient.SQS(cfg), "ward")
	if err != nil {
		t.Fatal(err)
	}
	found.Store(true)
	v := visit(t, Config{AWS: cfg, Stack: stack})
	const standard = "arn:aws:states:eu-central-1:123456789012:execution:ward-scan:n"
	const express = "arn:aws:states:eu-central-1:123456789012:express:ward-scan-express:n:i"
	for path, want := range map[string][]string{
		"/":                               {"cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms", "states:ListExecutions"},
		"/executions":                     {"states:ListExecutions"},
		"/executions?q=x":                 {"logs:FilterLogEvents"},
		"/executions/" + standard:         {"not permitted (states:"},
		"/executions/" + express:          {"logs:FilterLogEvents"},
		"/objects":                        {"cloudformation:DescribeStacks", "s3:ListBucketVersions"},
		"/object?bucket=b&key=k&wait=yes": {"s3:ListBucketVersions"},
		"/object/rescan?bucket=b&key=k":   {"ListObjectVersions"},
		"/dead-letters":                   {"GetQueueAttributes"},
		"/dead-letters/redrive?all=yes":   {"GetQueueAttributes"},
		"/quarantine":                     {"s3:ListBucket"},
		"/quarantine/signature?name=S":    {"GetCallerIdentity"},
		"/definitions":                    {"Invoke"},
		"/definitions/change?do=rollback": {"previous generation"},
	} {
		response, body := v.get(path)
		_, main, _ := strings.Cut(body, "<main")
		for _, text := range want {
			if !strings.Contains(main, text) {
				t.Errorf("%s: got %d\n%s\nwant %q", path, response.StatusCode, main, text)
			}
		}
		for _, wrong := range []string{"operation error", "RequestID", "https response error"} {
			if strings.Contains(main, wrong) {
				t.Errorf("%s: the page says %q:\n%s", path, wrong, main)
			}
		}
	}
}
