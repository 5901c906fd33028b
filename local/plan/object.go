package plan

import (
	"math"
	"time"

	"github.com/lazaret/lazaret/internal/clamav"
)

// End is what becomes of an object.
type End string

// The ends of an object.
const (
	Kept        End = "clean"       // and stays where it was uploaded
	Promoted    End = "promoted"    // clean, moved to the clean bucket
	Infected    End = "infected"    // moved to quarantine, announced
	Unscannable End = "unscannable" // stays, announced
)

// object is one object to be scanned.
type object struct {
	size   float64 // bytes
	end    End
	lane   Workflow // of its execution
	unread bool     // fetch decides by the metadata that it cannot be scanned
	events bool     // there is an event in GuardDuty's format
}

// lane returns the workflow in which dispatch runs an object.
func (p *Planner) lane(x object) Workflow {
	if p.Workflow == Express && x.size <= expressLimit {
		return Express
	}
	return Standard
}

// state is a state of the state machine.
type state struct {
	name string
	kind string // Task, Choice or Succeed
}

// function returns the name of the function that a Task invokes.
func (s state) function() string {
	if s.kind != "Task" {
		return ""
	}
	return string(s.name[0]|0x20) + s.name[1:]
}

// states returns the states that an object enters. TestStates walks statemachine/scan.asl.json instead.
func (x object) states() []state {
	path := []state{{"Fetch", "Task"}, {"Scan", "Task"}, {"Tag", "Task"}, {"Route", "Choice"}}
	switch x.end {
	case Kept:
		if x.events {
			path = append(path, state{"Notify", "Task"})
		}
	case Promoted:
		path = append(path, state{"Promote", "Task"}, state{"Announce", "Choice"})
		if x.events {
			path = append(path, state{"Notify", "Task"})
		}
	case Infected:
		path = append(path, state{"Quarantine", "Task"}, state{"Notify", "Task"})
	case Unscannable:
		path = append(path, state{"Notify", "Task"})
	}
	return append(path, state{"Done", "Succeed"})
}

// functions returns the functions that an object's execution invokes, in their order.
func (x object) functions() []string {
	var all []string
	for _, s := range x.states() {
		if f := s.function(); f != "" {
			all = append(all, f)
		}
	}
	return all
}

// Request is a number of requests of a function to a service, for one object.
type Request struct {
	Function  string
	Operation string // with the service in front where S3 is not meant: "sqs ReceiveMessage"
	Number    int
}

// requests returns all requests that the functions send for an object in a bucket with versions. A whole-machine test
// counts them.
func (x object) requests() []Request {
	var all []Request
	if x.unread || x.size > partSize {
		all = append(all, Request{"fetch", "HeadObject", 1})
	}
	if parts := x.parts(); parts > 0 {
		all = append(all, Request{"fetch", "GetObject", parts})
	}
	all = append(all, Request{"tag", "GetObjectTagging", 1}, Request{"tag", "PutObjectTagging", 1})
	switch x.end {
	case Promoted:
		all = append(all,
			Request{"promote", "HeadObject", 3}, Request{"promote", "CopyObject", 1},
			Request{"promote", "GetObjectTagging", 2}, Request{"promote", "DeleteObject", 1})
	case Infected:
		all = append(all, Request{"scan", "GetObject", 1}, // whether the signature is allowed in this content
			Request{"quarantine", "HeadObject", 3}, Request{"quarantine", "CopyObject", 1},
			Request{"quarantine", "GetObjectTagging", 2}, Request{"quarantine", "PutObject", 1},
			Request{"quarantine", "DeleteObject", 1})
	}
	if x.announced() {
		all = append(all, Request{"notify", "sns Publish", 1})
	}
	if x.announced() || x.events {
		all = append(all, Request{"notify", "events PutEvents", 1})
	}
	return append(all, x.dispatches()...)
}

// announced reports whether the verdict is announced, on the topic and on the bus.
func (x object) announced() bool { return x.end == Infected || x.end == Unscannable }

// dispatches returns the requests of dispatch: it shortens the visibility of its message, gets a permit and starts the
// execution. In the express lane it waits for the end and gives the permit back.
func (x object) dispatches() []Request {
	all := []Request{{"dispatch", "sqs ReceiveMessage", 1}}
	if x.lane == Express {
		return append(all,
			Request{"dispatch", "sqs ChangeMessageVisibility", 2}, Request{"dispatch", "states StartSyncExecution", 1})
	}
	return append(all,
		Request{"dispatch", "sqs ChangeMessageVisibility", 1}, Request{"dispatch", "states StartExecution", 1},
		Request{"dispatch", "sqs DeleteMessage", 1})
}

// parts is the number of ranged requests with which fetch downloads an object.
func (x object) parts() int {
	if x.unread {
		return 0
	}
	return max(1, int(math.Ceil(x.size/partSize)))
}

// billedAs says as what S3 bills its operations. DELETE is free.
var billedAs = map[string]string{
	"HeadObject": "s3.read", "GetObject": "s3.read", "GetObjectTagging": "s3.read",
	"PutObject": "s3.write", "PutObjectTagging": "s3.write", "CopyObject": "s3.write",
}

// queueRequests is how many requests to SQS an object takes beside those of dispatch: S3 sends the message, Lambda
// receives and deletes it. In the standard lane EventBridge sends a new permit at the end.
func (x object) queueRequests() (n int) {
	n = 3
	if x.lane == Standard {
		n++
	}
	for _, r := range x.dispatches() {
		if len(r.Operation) > 4 && r.Operation[:4] == "sqs " {
			n += r.Number
		}
	}
	return n
}

// volume is what fetch and scan do on the volume for an object: operations on names, locks and attributes, and the
// bytes of the file, once written and once read (a second read comes from the environment's cache). The operations were
// counted in the code, as NFS sends them: fetch makes, closes and renames the file; scan links its mark, and removes
// mark and file; the rest looks things up.
type volume struct {
	fetchWrites, fetchReads, scanWrites, scanReads float64 // operations without data
	bytes                                          float64
}

func (x object) volume() volume {
	if x.unread {
		return volume{}
	}
	return volume{fetchWrites: 3, fetchReads: 6, scanWrites: 3, scanReads: 6, bytes: x.size}
}

// EFS meters an operation without data as 4 KiB at least, and one with data as 32 KiB at least, in steps of 1 KiB:
// https://docs.aws.amazon.com/efs/latest/ug/billing-and-usage-reports.html (Understanding billing and usage reports).
// The kernel sends at most 1 MiB in one operation.
const (
	meteredName = 4 << 10
	meteredData = 32 << 10
	gib         = 1 << 30
	transfer    = 1 << 20
)

// metered returns the bytes that EFS bills.
func (v volume) metered() (written, read float64) {
	data := 0.0
	if v.bytes > 0 {
		whole := math.Floor(v.bytes / transfer)
		data = whole * transfer
		if rest := v.bytes - data; rest > 0 {
			data += math.Max(meteredData, math.Ceil(rest/1024)*1024)
		}
	}
	written = (v.fetchWrites+v.scanWrites)*meteredName + data
	read = (v.fetchReads+v.scanReads)*meteredName + data
	return written, read
}

// tags is how many tags the verdict has: status, time and definitions, and the detail unless it is clean.
func (x object) tags() float64 {
	if x.end == Kept || x.end == Promoted {
		return 3
	}
	return 4
}

// durationOf returns how long an invocation of a function takes for an object, as Lambda bills it. dispatch has a
// function of its own.
func (p *Planner) durationOf(function string, x object) time.Duration {
	t, memory := p.times, p.memoryOf(function)
	sum := t.Wait("lambda.overhead") + p.waits(function, x)
	work := t.Work(function, 0, memory)
	perByte := t.Work(function, x.size, memory) - work
	v := x.volume()
	switch function {
	case "fetch":
		sum += time.Duration(v.fetchWrites)*t.Wait("efs.write") + time.Duration(v.fetchReads)*t.Wait("efs.read")
		if x.unread {
			return sum + work
		}
		// Download, hash and write go on side by side.
		return sum + work + max(perByte, t.Move("s3.download", x.size), t.Move("efs.client", x.size))
	case "scan":
		sum += time.Duration(v.scanWrites)*t.Wait("efs.write") + time.Duration(v.scanReads)*t.Wait("efs.read")
		if !x.unread {
			sum += perByte + t.Move("efs.client", x.size)
		}
		if !x.unread && x.size >= clamav.MinFileSize {
			sum += t.Work("engine", x.size, memory)
		}
		return sum + work
	case "quarantine", "promote":
		return sum + work + t.Move("s3.copy", x.size)
	}
	return sum + work
}

// waits returns how long a function waits for the answers of services. fetch sends up to four of its GET requests at
// once, and the wait for their bytes is in the download.
func (p *Planner) waits(function string, x object) (sum time.Duration) {
	for _, r := range x.requests() {
		if r.Function != function || function == "dispatch" {
			continue
		}
		wait, n := p.times.Wait("s3.write"), r.Number
		switch {
		case r.Operation == "GetObject":
			wait, n = p.times.Wait("s3.read"), min(1, n)
		case billedAs[r.Operation] == "s3.read":
			wait = p.times.Wait("s3.read")
		case billedAs[r.Operation] == "" && r.Operation != "DeleteObject":
			wait = p.times.Wait("sns.publish")
		}
		sum += time.Duration(n) * wait
	}
	return sum
}

func (p *Planner) memoryOf(function string) int {
	if function == "scan" {
		return p.ScanMemory
	}
	return stack.memory[function]
}

// execution returns how long an object's execution takes.
func (p *Planner) execution(x object) time.Duration {
	lane := "states.standard"
	if x.lane == Express {
		lane = "states.express"
	}
	functions := x.functions()
	sum := p.times.Wait(lane+".start") + time.Duration(len(functions))*p.times.Wait(lane+".task") // the last one ends it
	for _, f := range functions {
		sum += p.durationOf(f, x)
	}
	return sum
}

// dispatch returns how long the invocation of dispatch takes, without the wait for a permit. It asks for the permit
// while it shortens the visibility of its message.
func (p *Planner) dispatch(x object) time.Duration {
	sum := p.times.Wait("lambda.overhead") + p.times.Work("dispatch", 0, stack.memory["dispatch"])
	for _, r := range x.dispatches() {
		switch r.Operation {
		case "sqs ReceiveMessage":
		case "states StartSyncExecution":
			sum += p.execution(x)
		case "states StartExecution":
			sum += p.times.Wait("states.request")
		default:
			sum += time.Duration(r.Number) * p.times.Wait("sqs.request")
		}
	}
	return sum
}

// cycle returns how long an object keeps its permit, and how long the permit then is on its way back.
func (p *Planner) cycle(x object) (work, back time.Duration) {
	queue := 2 * p.times.Wait("sqs.request") // sent and received
	if x.lane == Express {
		return p.dispatch(x), queue // the next message of the queue
	}
	return p.times.Wait("sqs.request") + p.execution(x), p.times.Wait("events.delivery") + queue
}
