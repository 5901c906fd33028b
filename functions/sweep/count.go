package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/awserr"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/sweep"
)

// manifest lists the files with the results of a Map state:
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
type manifest struct {
	DestinationBucket string
	ResultFiles       map[string][]struct{ Key string } // by status
}

// result is a child execution in such a file.
type result struct {
	Status, Output string
	Error, Cause   string
}

// count adds the results of a round's pages to the summary. A page that failed, after all retries, is counted as such.
func (h *handler) count(ctx context.Context, s sweep.State) (sweep.State, error) {
	if s.Map == nil {
		return s, fmt.Errorf("%w: count round %d of %s: it has no results", job.ErrBadJob, s.Round, s.Run)
	}
	var m manifest
	if err := h.get(ctx, s.Map.ResultWriterDetails.Key, &m); err != nil {
		return s, err
	}
	pages := 0
	for status, files := range m.ResultFiles {
		for _, file := range files {
			var results []result
			if err := h.get(ctx, file.Key, &results); err != nil {
				return s, err
			}
			pages += len(results)
			for _, r := range results {
				if err := add(&s.Summary, status, r); err != nil {
					return s, fmt.Errorf("read s3://%s/%s: %w", h.records, file.Key, err)
				}
			}
		}
	}
	if pages < s.Pages.Count { // a page without a result was not judged
		s.Summary.FailedPages += s.Pages.Count - pages
	}
	s.Pages, s.Map = sweep.File{}, nil
	return s, nil
}

// add adds the result of one page.
func add(sum *sweep.Summary, status string, r result) error {
	if status != "SUCCEEDED" {
		sum.FailedPages++
		if sum.Failure == "" {
			sum.Failure = r.Error + ": " + job.Message(r.Cause)
		}
		return nil
	}
	var c sweep.Counts
	if err := json.Unmarshal([]byte(r.Output), &c); err != nil {
		return fmt.Errorf("the output of a page: %w", err)
	}
	sum.Pages++
	sum.Add(c)
	return nil
}

// get reads a JSON object of the bucket of records.
func (h *handler) get(ctx context.Context, key string, v any) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read s3://%s/%s: %w", h.records, key, awserr.Classify(err))
		}
	}()
	out, err := h.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &h.records, Key: &key})
	if err != nil {
		return err
	}
	return errors.Join(json.NewDecoder(out.Body).Decode(v), out.Body.Close())
}
