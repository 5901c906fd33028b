package states

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

// itemReader says where the items of a Map state are.
type itemReader struct {
	Resource     string
	ReaderConfig struct{ InputType string }
	Parameters   payload
}

func (i *itemReader) UnmarshalJSON(data []byte) error {
	type plain itemReader
	if err := strict(data, "Resource ReaderConfig Parameters", (*plain)(i)); err != nil {
		return err
	}
	if i.Resource != s3Resource("getObject") || i.ReaderConfig.InputType != "JSONL" {
		return fmt.Errorf("an ItemReader with %s of %s is not supported: only getObject of JSONL is",
			i.Resource, i.ReaderConfig.InputType)
	}
	return exactly(i.Parameters, "Bucket", "Key")
}

// resultWriter says where the results of a Map state go. It writes JSON, without a transformation, as AWS does without
// a WriterConfig.
type resultWriter struct {
	Resource   string
	Parameters payload
}

func (w *resultWriter) UnmarshalJSON(data []byte) error {
	type plain resultWriter
	if err := strict(data, "Resource Parameters", (*plain)(w)); err != nil {
		return err
	}
	if w.Resource != s3Resource("putObject") {
		return fmt.Errorf("a ResultWriter with %s is not supported: only putObject is", w.Resource)
	}
	return exactly(w.Parameters, "Bucket", "Prefix")
}

func s3Resource(action string) string { return "arn:" + template.Partition + ":states:::s3:" + action }

// exactly refuses parameters other than these two.
func exactly(p payload, one, two string) error {
	given := 0
	for name := range p {
		if name = strings.TrimSuffix(name, ".$"); name == one || name == two {
			given++
		}
	}
	if given != 2 || len(p) != 2 {
		return fmt.Errorf("the Parameters must be %s and %s", one, two)
	}
	return nil
}

// twoTexts evaluates parameters that are texts.
func (v *visit) twoTexts(p payload, input any, one, two string) (first, second string, err error) {
	values, err := p.evaluate(input, map[string]any{executionID: v.arn})
	if err != nil {
		return "", "", err
	}
	var ok bool
	if first, ok = values[one].(string); !ok {
		return "", "", notText(one, values[one])
	}
	if second, ok = values[two].(string); !ok {
		return "", "", notText(two, values[two])
	}
	return first, second, nil
}

// maxItem is AWS's limit of one item, in bytes.
const maxItem = maxPayload

// readItems reads the items of a Map state: a JSON value in each line.
func (v *visit) readItems(input any) ([]any, error) {
	bucket, key, err := v.twoTexts(v.state.ItemReader.Parameters, input, "Bucket", "Key")
	if err != nil {
		return nil, err
	}
	if v.service.config.Objects == nil {
		return nil, errors.New("read the items of a Map state: the service has no access to objects")
	}
	content, err := v.service.config.Objects(v.machine.RoleARN).Get(v.ctx, bucket, key)
	if err != nil {
		if v.ctx.Err() != nil {
			return nil, v.interrupted()
		}
		return nil, external(errItemReader, fmt.Sprintf("Attempting to read s3://%s/%s failed: %v", bucket, key, err))
	}
	var items []any
	for line := range bytes.Lines(content) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		item, err := decode(line)
		if err == nil && len(line) > maxItem {
			err = fmt.Errorf("it has %d bytes, more than %d", len(line), maxItem)
		}
		if err != nil {
			return nil, external(errItemReader,
				fmt.Sprintf("Attempting to parse item %d of s3://%s/%s failed: %v", len(items)+1, bucket, key, err))
		}
		items = append(items, item)
	}
	if len(items) == 0 {
		return nil, external(errItemReader, fmt.Sprintf("s3://%s/%s has no items", bucket, key))
	}
	return items, nil
}

// written is a child execution in a file of results, as AWS writes it:
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
type written struct {
	ExecutionArn    string
	Input           string
	InputDetails    included
	Name            string
	Output          string    `json:",omitempty"`
	OutputDetails   *included `json:",omitempty"`
	Error           string    `json:",omitempty"`
	Cause           string    `json:",omitempty"`
	StartDate       string
	StateMachineArn string
	Status          string
	StopDate        string
}

type included struct{ Included bool }

// manifest lists the files of results.
type manifest struct {
	DestinationBucket string
	MapRunArn         string
	ResultFiles       map[string][]resultFile
}

type resultFile struct {
	Key  string
	Size int
}

// write writes the results and their manifest, and returns what the Map state results in.
func (r *mapRun) write(input any) (any, error) {
	bucket, prefix, err := r.twoTexts(r.state.ResultWriter.Parameters, input, "Bucket", "Prefix")
	if err != nil {
		return nil, err
	}
	folder := r.id + "/"
	if prefix != "" {
		folder = strings.TrimSuffix(prefix, "/") + "/" + folder
	}
	m := manifest{
		DestinationBucket: bucket, MapRunArn: r.mapRunARN(),
		ResultFiles: map[string][]resultFile{"SUCCEEDED": {}, "FAILED": {}, "PENDING": {}},
	}
	byStatus := map[string][]written{}
	for _, c := range r.children {
		w := c.written(r.machine.ARN + "/" + r.state.name)
		byStatus[w.Status] = append(byStatus[w.Status], w)
	}
	for status, all := range byStatus {
		file := resultFile{Key: folder + status + "_0.json"}
		if file.Size, err = r.put(bucket, file.Key, all); err != nil {
			return nil, err
		}
		m.ResultFiles[status] = append(m.ResultFiles[status], file)
	}
	if _, err := r.put(bucket, folder+"manifest.json", m); err != nil {
		return nil, err
	}
	return map[string]any{
		"MapRunArn":           m.MapRunArn,
		"ResultWriterDetails": map[string]any{"Bucket": bucket, "Key": folder + "manifest.json"},
	}, nil
}

func (c *child) written(machineARN string) written {
	w := written{
		ExecutionArn: c.arn, Input: c.input, InputDetails: included{true}, Name: c.name, StateMachineArn: machineARN,
		StartDate: c.began.Format(time.RFC3339Nano), StopDate: c.ended.Format(time.RFC3339Nano), Status: succeeded,
	}
	if c.failure != nil {
		w.Status, w.Error, w.Cause = failed, c.failure.name, c.failure.cause
		return w
	}
	w.Output, w.OutputDetails = c.output, &included{true}
	return w
}

// put writes a JSON object, and returns its size.
func (r *mapRun) put(bucket, key string, v any) (int, error) {
	content, err := json.Marshal(v)
	if err == nil {
		err = r.service.config.Objects(r.machine.RoleARN).Put(r.ctx, bucket, key, content)
	}
	if err != nil && r.ctx.Err() != nil {
		return 0, r.interrupted()
	}
	if err != nil {
		return 0, external(errResultWriter, fmt.Sprintf("Failed to write s3://%s/%s: %v", bucket, key, err))
	}
	return len(content), nil
}
