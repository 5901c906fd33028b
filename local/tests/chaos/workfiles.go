package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lazaret/lazaret/internal/job"
)

// lookForFiles finds the work files that are left. An execution that died leaves its file to the sweep of freshclam,
// days later; every other file is one too many.
func (r *run) lookForFiles(into *result) error {
	entries, err := os.ReadDir(r.stack.workFolder())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("list the work files: %w", err)
	}
	succeeded, err := r.succeededLanes()
	if err != nil {
		return err
	}
	gone := r.namesOfDeleted()
	for _, e := range entries {
		// The name of the execution comes first, then the lane of an EXPRESS one, and the number of the fetch.
		parts := strings.Split(e.Name(), ".")
		died := r.died[parts[0]] || gone[parts[0]]
		if len(parts) > 1 && strings.HasPrefix(parts[1], "express-") {
			died = died || !succeeded[parts[1]]
		}
		if died {
			into.swept = append(into.swept, e.Name())
		} else {
			into.workFiles = append(into.workFiles, e.Name())
		}
	}
	return nil
}

// succeededLanes returns the lanes of the EXPRESS executions that have succeeded, from dispatch's log.
func (r *run) succeededLanes() (map[string]bool, error) {
	lanes := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(r.stack.data, "logs", "dispatch.log*"))
	if err != nil {
		return nil, fmt.Errorf("find the log of dispatch: %w", err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the log of dispatch: %w", err)
		}
		for line := range bytes.Lines(text) {
			var said struct{ Lane, Status string }
			if json.Unmarshal(line, &said) == nil && said.Status == "SUCCEEDED" {
				lanes[said.Lane] = true
			}
		}
	}
	return lanes, nil
}

// namesOfDeleted returns the names of the executions of all versions that were deleted: they end without a look at what
// an earlier attempt has left.
func (r *run) namesOfDeleted() map[string]bool {
	names := map[string]bool{}
	for _, v := range r.ledger.all() {
		for n := 0; v.maybe && n <= r.runs; n++ {
			j := job.Job{Object: v.object()}
			if n > 0 {
				j.Run = r.runName(n)
			}
			for j.Attempt = range 2 * rounds {
				names[j.ExecutionName()] = true
			}
		}
	}
	return names
}
