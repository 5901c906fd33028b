package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/local/template"
)

// localStack is a running `lazaret local`.
type localStack struct {
	cmd      *exec.Cmd
	endpoint string
	logs     string // folder with the functions' logs
	bucket   string // for uploads
	name     string // of the stack
	s3       *s3.Client
	sfn      *sfn.Client
	sqs      *sqs.Client
}

// settings are those of a stack; the zero value has the template's defaults and the test definitions.
type settings struct {
	workflow    string // "STANDARD" when empty
	engines     int    // MaxConcurrentScans
	definitions string // folder
	layout      string // BucketLayout
	endpoint    string // where the functions send their requests; the stack itself when empty
}

// String names the settings in a row.
func (s settings) String() string {
	if s.workflow == "" {
		return standard
	}
	return s.workflow
}

// The values of the parameter Workflow.
const standard, express = "STANDARD", "EXPRESS"

// workflows returns both.
func workflows() []string { return []string{standard, express} }

func (s settings) arguments() []string {
	var args, parameters []string
	if s.workflow != "" {
		parameters = append(parameters, "Workflow="+s.workflow)
	}
	if s.engines > 0 {
		parameters = append(parameters, "MaxConcurrentScans="+strconv.Itoa(s.engines))
	}
	if s.layout != "" {
		parameters = append(parameters, "BucketLayout="+s.layout)
	}
	if s.definitions != "" {
		args = append(args, "--definitions", s.definitions)
	}
	if s.endpoint != "" {
		args = append(args, "--functions-endpoint", s.endpoint)
	}
	if parameters != nil {
		args = append(append(args, "--parameter-overrides"), parameters...)
	}
	return args
}

// startStack runs `lazaret local` with these settings.
func (b *benchmark) startStack(ctx context.Context, with settings) (*localStack, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(b.root, "bin", "lazaret"), append([]string{
		"local", "--quiet", "--template", filepath.Join(b.root, "template.yaml"), "--port", "0",
	}, with.arguments()...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+b.work)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second // it stops within 5
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the local stack: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the local stack (run make build): %w", err)
	}
	s := &localStack{
		cmd: cmd, name: b.app.Name,
		bucket: fmt.Sprintf("%s-uploads-%s-%s", b.app.Name, template.Account, template.Region),
	}
	for lines := bufio.NewScanner(out); s.endpoint == "" && lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch value = strings.TrimSpace(value); name {
		case "data":
			dir, _, _ := strings.Cut(value, " (removed")
			s.logs = filepath.Join(dir, "logs")
		case "ready":
			s.endpoint = value
		}
	}
	if s.endpoint == "" {
		return nil, fmt.Errorf("start the local stack: %w: %s", cmd.Wait(), stderr.Bytes())
	}
	s.connect()
	return s, nil
}

// connect makes the clients, as the user who started the stack.
func (s *localStack) connect() {
	cfg := aws.Config{
		Region: template.Region, BaseEndpoint: &s.endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	s.s3 = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	s.sfn, s.sqs = sfn.NewFromConfig(cfg), sqs.NewFromConfig(cfg)
}

func (s *localStack) pid() int { return s.cmd.Process.Pid }

// queue returns the URL of one of the stack's queues, such as "rescans".
func (s *localStack) queue(name string) *string {
	return aws.String(fmt.Sprintf("%s/%s/%s-%s", s.endpoint, template.Account, s.name, name))
}

// machine returns the ARN of the STANDARD state machine.
func (s *localStack) machine() *string {
	return aws.String(template.ARN("states", "stateMachine:"+s.name+"-scan"))
}

// stop ends the stack and all its processes.
func (s *localStack) stop() error {
	if err := s.cmd.Cancel(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the local stack: %w", err)
	}
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("stop the local stack: %w", err)
	}
	return nil
}

// put uploads an object.
func (s *localStack) put(ctx context.Context, key string, content []byte) error {
	_, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(content)})
	if err != nil {
		return fmt.Errorf("upload %s: %w", key, err)
	}
	return nil
}

// verdict returns the object's verdict tag, or "" while it has none.
func (s *localStack) verdict(ctx context.Context, key string) (string, error) {
	out, err := s.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return "", fmt.Errorf("read the tags of %s: %w", key, err)
	}
	for _, tag := range out.TagSet {
		if aws.ToString(tag.Key) == "scan-status" {
			return aws.ToString(tag.Value), nil
		}
	}
	return "", nil
}

// firstLook is when a tag is looked for first. Nothing is tagged sooner, and each look takes the processors from what
// is measured.
const firstLook = 4 * time.Millisecond

// await waits for an object's verdict, which must be CLEAN, and returns how long that took. It asks about once in a
// millisecond.
func (s *localStack) await(ctx context.Context, key string, limit time.Duration) (time.Duration, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	time.Sleep(firstLook)
	for {
		verdict, err := s.verdict(ctx, key)
		if err != nil {
			return 0, err
		}
		if verdict != "" {
			return time.Since(start), mustBeClean(key, verdict)
		}
		time.Sleep(500 * time.Microsecond)
	}
}

func mustBeClean(key, verdict string) error {
	if verdict != "CLEAN" {
		return fmt.Errorf("the verdict of %s is %q, want CLEAN", key, verdict)
	}
	return nil
}
