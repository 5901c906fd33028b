package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

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

// succeeded is the status of the pages that were judged.
const succeeded = "SUCCEEDED"

// result is a child execution in such a file.
type result struct {
	Output       string
	Error, Cause string
}

// mostNamed is how many pages that failed the summary names: each may hold two keys of 1,024 bytes.
const mostNamed = 10

// count adds the results of a round's pages to the summary. A page that failed, after all retries, is named: its
// versions are in none of the counts. After a round of which no page could be judged the sweep ends, because the next
// ones would fail too, each after all its retries.
func (h *handler) count(ctx context.Context, s sweep.State) (sweep.State, error) {
	if s.Map == nil {
		return s, fmt.Errorf("%w: count round %d of %s: it has no results", job.ErrBadJob, s.Round, s.Run)
	}
	pages, err := h.results(ctx, &s.Summary, s.Map.ResultWriterDetails.Key)
	if err != nil {
		return s, err
	}
	for _, page := range pages {
		s.Summary.Pages++
		s.Summary.Add(page.Counts)
	}
	if len(pages) < s.Pages.Count {
		if err := h.nameFailed(ctx, &s, pages); err != nil {
			return s, err
		}
	}
	if s.Request.Purpose == sweep.Retro {
		if err := h.spend(ctx, &s, pages); err != nil {
			return s, err
		}
	}
	if len(pages) == 0 && s.Pages.Count > 0 {
		s.Summary.Stopped = !s.Done
		s.Done = true
	}
	s.Pages, s.Map = sweep.File{}, nil
	return s, nil
}

// results reads what the Map state has written: the results of the pages that were judged, in their order, and the
// failure of the first that was not.
func (h *handler) results(ctx context.Context, sum *sweep.Summary, key string) (pages []sweep.Judged, err error) {
	var m manifest
	if err := h.get(ctx, key, &m); err != nil {
		return nil, err
	}
	for status, files := range m.ResultFiles {
		for _, file := range files {
			var results []result
			if err := h.get(ctx, file.Key, &results); err != nil {
				return nil, err
			}
			for _, r := range results {
				if status != succeeded {
					if sum.Failure == "" && r.Error != "" {
						sum.Failure = r.Error + ": " + job.Message(r.Cause)
					}
					continue
				}
				var page sweep.Judged
				if err := json.Unmarshal([]byte(r.Output), &page); err != nil {
					return nil, fmt.Errorf("read s3://%s/%s: the output of a page: %w", h.records, file.Key, err)
				}
				pages = append(pages, page)
			}
		}
	}
	slices.SortFunc(pages, func(a, b sweep.Judged) int { return a.Page - b.Page })
	return pages, nil
}

// nameFailed writes which pages of a round were not judged, and names the first of them in the summary.
func (h *handler) nameFailed(ctx context.Context, s *sweep.State, judged []sweep.Judged) error {
	done := map[int]bool{}
	for _, page := range judged {
		done[page.Page] = true
	}
	var lines bytes.Buffer
	listed, err := readLines[sweep.Page](ctx, h, s.Pages.Key)
	if err != nil {
		return err
	}
	for _, page := range listed {
		if done[page.Number] {
			continue
		}
		line, err := json.Marshal(page)
		if err != nil {
			return fmt.Errorf("encode a page of s3://%s: %w", page.Bucket, err)
		}
		lines.Write(append(line, '\n'))
		s.Summary.FailedPages++
		if len(s.Summary.NotJudged) < mostNamed {
			s.Summary.NotJudged = append(s.Summary.NotJudged, page)
		}
	}
	return h.put(ctx, sweep.NotJudgedKey(s.Run, s.Round), lines.Bytes())
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

// readLines reads the JSON lines of an object of the bucket of records.
func readLines[T any](ctx context.Context, h *handler, key string) (all []T, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read s3://%s/%s: %w", h.records, key, awserr.Classify(err))
		}
	}()
	out, err := h.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &h.records, Key: &key})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Body.Close()) }()
	for lines := json.NewDecoder(out.Body); ; {
		var line T
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, line)
	}
}
