// Package timing holds how long the parts of a scan take. Processor times were measured by `make bench` (measurement
// times) on one machine with the local stack, at one whole core. Latencies are of AWS: from what AWS or others have
// published, and a few guesses that say so. Nothing of it was measured with Lazaret on AWS.
package timing

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

//go:embed times.json
var text []byte

// Times are the times in times.json.
type Times struct {
	Date        string       `json:"date"`
	Machine     string       `json:"machine"`     // on which processor times were measured
	Processor   []Processor  `json:"processor"`   // of each function, and of the engine
	EngineStart float64      `json:"engineStart"` // milliseconds until a new engine has loaded the official set
	Latency     []Latency    `json:"latency"`
	Throughput  []Throughput `json:"throughput"`
}

// Processor is the processor time of one invocation, in milliseconds of a whole core. The engine is clamd's part of a
// scan, with definitions of the official size.
type Processor struct {
	Function string  `json:"function"`
	Base     float64 `json:"base"`  // of a text of 10 KB
	PerMB    float64 `json:"perMB"` // for each 1,000,000 bytes, which look like those of a compressed file
}

// Origin says where a figure is from. A guess has no source.
type Origin struct {
	What    string `json:"what"`
	Address string `json:"source"`
	From    string `json:"from"`
	Guess   bool   `json:"guess"`
}

// Latency is how long one request waits.
type Latency struct {
	ID string  `json:"id"`
	MS float64 `json:"ms"`
	Origin
}

// Throughput is how fast bytes move, in 1,000,000 bytes a second.
type Throughput struct {
	ID  string  `json:"id"`
	MBs float64 `json:"MBs"`
	Origin
}

// Load returns the times. It panics if the embedded file is no longer readable, which a test finds.
func Load() *Times {
	var t Times
	if err := json.Unmarshal(text, &t); err != nil {
		panic(fmt.Errorf("read times.json: %w", err))
	}
	return &t
}

// Wait returns the latency of one request. It panics if there is no such latency.
func (t *Times) Wait(id string) time.Duration {
	for _, l := range t.Latency {
		if l.ID == id {
			return milliseconds(l.MS)
		}
	}
	panic("no latency " + id)
}

// Slower returns times whose latencies with this prefix of their ids are longer by a factor.
func (t *Times) Slower(prefix string, factor float64) *Times {
	slower := *t
	slower.Latency = slices.Clone(t.Latency)
	for i := range slower.Latency {
		if strings.HasPrefix(slower.Latency[i].ID, prefix) {
			slower.Latency[i].MS *= factor
		}
	}
	return &slower
}

// Move returns how long it takes to move bytes. It panics if there is no such throughput.
func (t *Times) Move(id string, bytes float64) time.Duration {
	for _, x := range t.Throughput {
		if x.ID == id {
			return milliseconds(bytes / 1e6 / x.MBs * 1000)
		}
	}
	panic("no throughput " + id)
}

// wholeCore is the memory in MB with which a function has one whole core:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
const wholeCore = 1769

// Work returns how long a function's processor works for an object of a size in bytes, with so much memory in MB. No
// part of a scan of one file uses two cores at once.
func (t *Times) Work(function string, size float64, memory int) time.Duration {
	for _, p := range t.Processor {
		if p.Function == function {
			return milliseconds((p.Base + p.PerMB*size/1e6) * math.Max(1, wholeCore/float64(memory)))
		}
	}
	panic("no processor time of " + function)
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
