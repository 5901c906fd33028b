package job

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
)

// lanePrefix begins the name of every lane. A STANDARD execution has none, because its name is used
// only once.
const lanePrefix = "express-"

var validLane = regexp.MustCompile(`^` + lanePrefix + `[0-9a-f]{16}$`)

// NewLane returns the lane of one EXPRESS execution: another one at each call. Step Functions runs two
// EXPRESS executions of the same name side by side, and dispatch starts a STANDARD execution while an
// EXPRESS one of the same object may still run. The lane gives each of them a work file of its own.
func NewLane() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never returns an error
	return lanePrefix + hex.EncodeToString(random[:])
}

// WorkName returns the name of j's work file. No two executions have the same: a scan never removes
// the file of another one, and an engine that ends during a scan counts for that file only.
func (j Job) WorkName() string {
	if j.Lane == "" {
		return j.ExecutionName()
	}
	return j.ExecutionName() + "." + j.Lane
}
