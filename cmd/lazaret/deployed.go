package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/pflag"

	"github.com/lazaret/lazaret/cmd/lazaret/stack"
)

// deployed are the flags by which a command finds a deployed stack. What they
// leave open is the SDK's ordinary configuration: environment, profiles, roles.
type deployed struct{ stack, endpoint, region, profile string }

func (d *deployed) flags(flags *pflag.FlagSet) {
	flags.StringVar(&d.stack, "stack-name", "lazaret", "name of the deployed `stack`")
	flags.StringVar(&d.endpoint, "endpoint-url", "", "`URL` of all services, for lazaret local (default AWS, or AWS_ENDPOINT_URL)")
	flags.StringVar(&d.region, "region", "", "AWS region (default as configured)")
	flags.StringVar(&d.profile, "profile", "", "profile in ~/.aws (default as configured)")
}

// find reads the configuration and finds the stack. Its error is a startError.
func (d *deployed) find(ctx context.Context) (aws.Config, stack.Stack, error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(d.region), config.WithSharedConfigProfile(d.profile)}
	if d.endpoint != "" {
		options = append(options, config.WithBaseEndpoint(d.endpoint))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, stack.Stack{}, startError{fmt.Errorf("read the AWS configuration: %w", err)}
	}
	if cfg.Region == "" {
		return cfg, stack.Stack{}, startError{errors.New("no region is configured: --region or AWS_REGION names one")}
	}
	s, err := stack.Find(ctx, sqsClient(cfg), d.stack)
	if err != nil {
		return cfg, s, startError{err}
	}
	return cfg, s, nil
}

// s3Client addresses buckets in the path where the endpoint is not AWS's own:
// bucket host names do not resolve on one machine.
func s3Client(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil })
}

// printable is text of somebody else's (keys, causes) on one line. Uploaders
// choose keys: what would speak to the terminal is quoted.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// short is printable text of at most n characters.
func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		s = string(r[:n-1]) + "…"
	}
	return printable(s)
}
