package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/pflag"

	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// stackFlags are the flags by which a command finds a deployed stack. Everything else is the SDK's configuration:
// environment, profiles, roles.
type stackFlags struct{ name, endpoint, region, profile string }

func (f *stackFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.name, "stack-name", "lazaret", "name of the deployed `stack`")
	f.addAccess(flags)
}

// addAccess adds the flags of a command that needs no stack.
func (f *stackFlags) addAccess(flags *pflag.FlagSet) {
	flags.StringVar(&f.endpoint, "endpoint-url", "",
		"`URL` of all services, for lazaret local (default AWS, or AWS_ENDPOINT_URL)")
	flags.StringVar(&f.region, "region", "", "AWS region (default as configured)")
	flags.StringVar(&f.profile, "profile", "", "profile in ~/.aws (default as configured)")
}

// localHint is for users of lazaret local, who may have no AWS configuration.
const localHint = "for lazaret local paste the export that it prints"

// config loads the AWS configuration. Its error is a startError.
func (f *stackFlags) config(ctx context.Context) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		config.WithRegion(f.region), config.WithSharedConfigProfile(f.profile),
	}
	if f.endpoint != "" {
		if u, err := url.Parse(f.endpoint); err != nil || u.Host == "" {
			return aws.Config{}, startError{fmt.Errorf(
				"--endpoint-url %s: want a URL such as http://127.0.0.1:4566", f.endpoint)}
		}
		options = append(options, config.WithBaseEndpoint(f.endpoint))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, startError{fmt.Errorf("load the AWS configuration: %w", err)}
	}
	if cfg.Region == "" {
		return cfg, startError{errors.New("no region is configured: set --region or AWS_REGION; " + localHint)}
	}
	// Without this, each service would look for missing credentials anew, with retries.
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return cfg, startError{fmt.Errorf("find AWS credentials (%s): %w", localHint, err)}
	}
	return cfg, nil
}

// find loads the AWS configuration and finds the stack. Its error is a startError.
func (f *stackFlags) find(ctx context.Context) (aws.Config, deployment.Stack, error) {
	cfg, err := f.config(ctx)
	if err != nil {
		return cfg, deployment.Stack{}, err
	}
	stack, err := deployment.Find(ctx, awsclient.SQS(cfg), f.name)
	if err != nil {
		return cfg, stack, startError{err}
	}
	return cfg, stack, nil
}
