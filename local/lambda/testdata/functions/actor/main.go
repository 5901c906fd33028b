// Command actor is the function of this package's tests: it does what the event
// says, so that each way in which a Lambda can end is played by a real process.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do      string   `json:"do"`
	Text    string   `json:"text"`
	Size    int      `json:"size"`
	Records []record `json:"Records"`
}

type record struct {
	MessageID string `json:"messageId"`
	Body      string `json:"body"`
}

func main() {
	fmt.Println("initialising")
	switch os.Getenv("INIT") {
	case "exit":
		os.Exit(7)
	case "hang":
		select {}
	case "report":
		body := strings.NewReader(`{"errorType":"NoSettings","errorMessage":"BUCKET is not set"}`)
		resp, err := http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/init/error", "application/json", body)
		if err == nil {
			resp.Body.Close()
		}
		os.Exit(1)
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, e event) (any, error) {
	if len(e.Records) > 0 {
		return handleBatch(e.Records)
	}
	switch e.Do {
	case "", "echo":
		return e.Text, nil
	case "error":
		return nil, errors.New(e.Text)
	case "response-error":
		return nil, messages.InvokeResponse_Error{Type: "ObjectGone", Message: e.Text}
	case "panic":
		panic(e.Text)
	case "exit":
		os.Exit(e.Size)
	case "kill":
		return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "hang":
		select {}
	case "visit": // the test decides when this ends
		resp, err := http.Get(e.Text)
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
		return os.Getpid(), nil
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		return os.Getpid(), nil
	case "size":
		return strings.Repeat("x", e.Size), nil
	case "print":
		fmt.Print(e.Text)
		return nil, nil
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{
			"id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "left": time.Until(deadline).Seconds(),
			"trace": os.Getenv("_X_AMZN_TRACE_ID"), "environ": os.Environ(), "pid": os.Getpid(),
		}, nil
	case "leave":
		return e.Text, os.WriteFile(os.TempDir()+"/left", []byte(e.Text), 0o600)
	case "find":
		content, err := os.ReadFile(os.TempDir() + "/" + e.Text)
		return string(content), err
	case "hog": // more memory than the function has, touched
		var all [][]byte
		for {
			piece := make([]byte, 16<<20)
			for i := 0; i < len(piece); i += 4096 {
				piece[i] = 1
			}
			all = append(all, piece)
			if len(all) > 64 {
				select {} // the host has not looked yet
			}
		}
	case "child", "child-then-hang", "child-then-panic", "daemon-then-hang":
		cmd := exec.Command("sleep", "86413")
		if e.Do == "daemon-then-hang" {
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		}
		cmd.Stdout = os.Stdout // holds the log pipe
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		fmt.Println("child", cmd.Process.Pid)
		fmt.Println("parent", os.Getpid())
		switch e.Do {
		case "child-then-hang", "daemon-then-hang":
			select {}
		case "child-then-panic":
			panic("child left behind")
		}
		return []int{os.Getpid(), cmd.Process.Pid}, nil
	}
	return nil, fmt.Errorf("the event asks for %q", e.Do)
}

// handleBatch fails the messages whose body is "fail", and the whole batch when
// one of them is "break".
func handleBatch(records []record) (any, error) {
	failed := []map[string]string{}
	for _, r := range records {
		switch r.Body {
		case "fail":
			failed = append(failed, map[string]string{"itemIdentifier": r.MessageID})
		case "break":
			return nil, errors.New("broken batch")
		}
	}
	fmt.Println("batch of", len(records))
	return map[string]any{"batchItemFailures": failed}, nil
}
