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
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/local/template"
)

// stack is a running `lazaret local`.
type stack struct {
	cmd      *exec.Cmd
	endpoint string
	logs     string // folder with the functions' logs
	bucket   string // for uploads
	s3       *s3.Client
}

// startStack runs the application as it is deployed by default, but for args.
func (l *lab) startStack(ctx context.Context, args ...string) (*stack, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(l.root, "bin", "lazaret"), append([]string{
		"local", "--template", filepath.Join(l.root, "template.yaml"), "--port", "0",
	}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+l.work)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second // it promises to stop within 5
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the local stack: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the local stack (run make build): %w", err)
	}
	s := &stack{cmd: cmd, bucket: fmt.Sprintf("%s-uploads-%s-%s", l.app.Name, template.Account, template.Region)}
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
		return nil, fmt.Errorf("start the local stack: %w: %s", cmd.Wait(), complaints.Bytes())
	}
	s.s3 = s.client()
	return s, nil
}

// stop ends the stack and everything that it started.
func (s *stack) stop() error {
	if err := s.cmd.Cancel(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the local stack: %w", err)
	}
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("stop the local stack: %w", err)
	}
	return nil
}

// client speaks to the stack's S3 as the user at the keyboard.
func (s *stack) client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &s.endpoint, Region: template.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

// put uploads an object and returns when the upload is acknowledged.
func (s *stack) put(ctx context.Context, key string, content []byte) error {
	_, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(content)})
	if err != nil {
		return fmt.Errorf("upload %s: %w", key, err)
	}
	return nil
}

// verdict is the object's verdict tag; empty when it has none yet.
func (s *stack) verdict(ctx context.Context, key string) (string, error) {
	out, err := s.s3.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return "", fmt.Errorf("read tags of %s: %w", key, err)
	}
	for _, tag := range out.TagSet {
		if aws.ToString(tag.Key) == "scan-status" {
			return aws.ToString(tag.Value), nil
		}
	}
	return "", nil
}

// await waits for an object's verdict, which must be CLEAN, and returns how
// long that took. It asks about once in a millisecond.
func (s *stack) await(ctx context.Context, key string, limit time.Duration) (time.Duration, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
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
		return fmt.Errorf("verdict of %s is %q, not CLEAN", key, verdict)
	}
	return nil
}
