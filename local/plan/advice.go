package plan

import "strings"

// advice says what would halve a line, or that nothing does.
var advice = map[string]string{
	lineMachine:   "Workflow=EXPRESS: an execution instead of a price for each state",
	lineDispatch:  "nothing that is a parameter: it waits for the end of each execution, or for a permit",
	lineQueue:     "nothing: each object takes six or seven requests, each for one message",
	lineStarts:    "fewer engines: a smaller MaxConcurrentScans, or uploads that keep an engine busy",
	lineVolume:    "one function that fetches and scans: no file on the volume, where /tmp is large enough for it",
	lineRequests:  "nothing while the verdict is a tag: writing it is most of this line for small objects",
	lineTags:      "one tag with all that now stands in three",
	lineFunctions: "SystemLogLevel: WARN, which leaves out the two lines that Lambda adds to each invocation",
	lineHistory: "shorter documents, which stand in an execution's log a dozen times; or the log class Infrequent " +
		"Access, half as dear, whose groups have neither subscriptions nor FilterLogEvents",
	lineTraces:   "Tracing: PassThrough for dispatch, so that only traced uploaders are traced",
	lineAnnounce: "one announcement instead of two, on the topic and on the bus",
	lineKeys:     "a key of S3 for quarantine",
	"fetch (Lambda)": "less memory for small objects: fetch waits for S3 most of the time; or arm64, a fifth less. For " +
		"large ones, nothing: the download decides",
	"scan (Lambda)": "nothing for what the engine computes; arm64 is a fifth less",
}

// HalvedBy says what would halve a line.
func (l Line) HalvedBy() string {
	if a := advice[l.Name]; a != "" {
		return a
	}
	if strings.HasSuffix(l.Name, "(Lambda)") {
		return "arm64, a fifth less; nothing that halves it"
	}
	return "nothing"
}
