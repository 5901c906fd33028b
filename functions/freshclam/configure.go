package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/clamav"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/definitions/knownclean"
	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/internal/step"
	"github.com/lazaret/lazaret/internal/trial"
)

// configure reads the environment variables that template.yaml sets. Incremental updates are for the
// official mirror only: a mirror that serves only whole files, such as a bucket, would otherwise
// always count as behind.
func configure(cfg aws.Config) (*update.Updater, error) {
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
	records, err := step.Env("RECORDS_BUCKET")
	if err != nil {
		return nil, err
	}
	client := s3.NewFromConfig(cfg, step.PathStyle)
	known, err := knownclean.Find("/")
	if err != nil {
		return nil, err
	}
	u := &update.Updater{
		KnownClean: known, Stack: os.Getenv("STACK_NAME"), Trials: trial.Records{S3: client, Bucket: records},
		Root: root, Work: work, Staging: os.TempDir(),
		Freshclam: freshclam.Config{Mirror: mirror, WholeFiles: mirror != freshclam.OfficialMirror},
		Engine:    clamav.Config{RunDir: os.TempDir()},
	}
	if location := os.Getenv("CUSTOM_SIGNATURES"); location != "" {
		own, err := update.OpenBucket(client, location)
		if err != nil {
			return nil, fmt.Errorf("read CUSTOM_SIGNATURES: %w", err)
		}
		u.OwnSource = own
	}
	return u, nil
}
