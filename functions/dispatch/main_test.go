package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// environment sets the variables that template.yaml sets.
func environment(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"STATE_MACHINE_ARN":         "arn:aws:states:us-east-1:000000000000:stateMachine:lazaret-scan",
		"EXPRESS_STATE_MACHINE_ARN": "arn:aws:states:us-east-1:000000000000:stateMachine:lazaret-scan-express",
		"UPLOADS_QUEUE_URL":         uploadsURL, "RESCANS_QUEUE_URL": rescansURL, "RESCANS_QUEUE_ARN": rescansARN,
		"PERMITS_URL": permitsURL, "DEAD_LETTERS_URL": deadURL, "MAX_IN_WORK": "20",
	} {
		t.Setenv(name, value)
	}
}

func TestConfigureRefuses(t *testing.T) {
	for name, value := range map[string]string{
		"STATE_MACHINE_ARN": "", "PERMITS_URL": "", "RESCANS_QUEUE_ARN": "", "MAX_IN_WORK": "0",
	} {
		environment(t)
		if _, err := configure(t.Context(), aws.Config{}); err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, value)
		if _, err := configure(t.Context(), aws.Config{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%q: configure() = %v, want an error that names it", name, value, err)
		}
	}
}

// TestOtherEndpoint has an endpoint that is not AWS's answer for SQS and Step Functions, and checks that
// the EXPRESS execution is run there too, at no other host.
func TestOtherEndpoint(t *testing.T) {
	var mu sync.Mutex
	hosts := map[string]string{} // by operation
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := r.Header.Get("X-Amz-Target")
		_, operation, _ := strings.Cut(target, ".")
		mu.Lock()
		hosts[operation] = r.Host
		mu.Unlock()
		answer := map[string]string{
			"ReceiveMessage":     `{"Messages":[{"MessageId":"p","ReceiptHandle":"r","Body":"{}"}]}`,
			"StartSyncExecution": `{"executionArn":"a","startDate":1,"stopDate":2,"status":"SUCCEEDED"}`,
		}[operation]
		if answer == "" {
			answer = "{}"
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if _, err := w.Write([]byte(answer)); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	environment(t)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	handle, err := configure(t.Context(), aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := handle(t.Context(), json.RawMessage(`{"Records":[{"eventSource":"aws:sqs","messageId":"m",`+
		`"receiptHandle":"h","eventSourceARN":"`+uploadsARN+`","body":`+encode(t, event("a"))+`}]}`)); err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(server.URL, "http://")
	for _, operation := range []string{"ChangeMessageVisibility", "ReceiveMessage", "StartSyncExecution"} {
		if hosts[operation] != want {
			t.Errorf("%s was called at %q, want %s", operation, hosts[operation], want)
		}
	}
	if _, called := hosts["StartExecution"]; called {
		t.Error("StartExecution was called, want the EXPRESS execution alone")
	}
}
