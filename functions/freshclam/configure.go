package main

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/freshclam"
	"github.com/lazaret/lazaret/internal/refresh"
	"github.com/lazaret/lazaret/internal/step"
)

// configure reads the environment. Incremental updates are for the official
// mirror: one that serves whole files only, as a bucket does, would look as if
// it lagged for ever.
func configure(cfg aws.Config) (*refresh.Updater, error) {
	root, err := step.Env("DEFINITIONS_DIR")
	if err != nil {
		return nil, err
	}
	work, err := step.Env("WORK_DIR")
	if err != nil {
		return nil, err
	}
	mirror, err := step.Env("DATABASE_MIRROR")
	if err != nil {
		return nil, err
	}
	u := &refresh.Updater{
		Root: root, Work: work, Staging: os.TempDir(),
		Freshclam: freshclam.Config{Mirror: mirror, WholeFiles: mirror != freshclam.OfficialMirror},
		Engine:    clamav.Config{Clamd: clamd(), RunDir: os.TempDir()},
	}
	if location := os.Getenv("CUSTOM_SIGNATURES"); location != "" {
		own, err := refresh.OpenBucket(s3.NewFromConfig(cfg, step.PathStyle), location)
		if err != nil {
			return nil, fmt.Errorf("read CUSTOM_SIGNATURES: %w", err)
		}
		u.Own = own
	}
	return u, nil
}

// clamd finds the engine: Debian keeps it in sbin, which is not on every PATH.
func clamd() string {
	if path, err := exec.LookPath("clamd"); err == nil {
		return path
	}
	return "/usr/sbin/clamd"
}
