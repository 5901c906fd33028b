package plan

import (
	"cmp"
	"math"
	"slices"

	"github.com/lazaret/lazaret/local/plan/price"
	"github.com/lazaret/lazaret/local/plan/workload"
)

// Line is one line of a bill.
type Line struct {
	Name    string  `json:"name"`
	Dollars float64 `json:"dollars"`
	Idle    bool    `json:"idle,omitempty"` // the same without a single object
	Terms   []Term  `json:"terms"`          // what it is the sum of
}

// Term is a quantity and its price. Dollars is the quantity times Price divided by Per: where tiers apply, Price is the
// mean of the tiers that the whole bill reaches.
type Term struct {
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Price    float64 `json:"price"` // dollars for Per units
	Per      float64 `json:"per"`
	Dollars  float64 `json:"dollars"`
	Tiers    bool    `json:"tiers,omitempty"` // more than the first tier is reached
}

// Bill is what objects cost, line by line, and beside them what is paid without any.
type Bill struct {
	Lines     []Line  `json:"lines"`
	Objects   float64 `json:"objects"`
	Bytes     float64 `json:"bytes"`
	Dollars   float64 `json:"dollars"`    // of all lines but the idle ones
	Idle      float64 `json:"idle"`       // dollars of the idle lines
	Dispatch  float64 `json:"dispatched"` // dollars of state machine, dispatch and queue
	GuardDuty float64 `json:"guardDuty"`  // dollars for the same objects
}

// The names of the lines.
const (
	lineMachine   = "state machine"
	lineDispatch  = "dispatch (Lambda)"
	lineQueue     = "queues (SQS)"
	lineVolume    = "volume (EFS)"
	lineRequests  = "S3 requests"
	lineTags      = "verdict tags (S3)"
	lineFunctions = "log of the functions"
	lineHistory   = "log of express executions"
	lineTraces    = "traces (X-Ray)"
	lineKeys      = "requests to KMS"
	lineAnnounce  = "announcements (SNS, EventBridge)"
	lineEvents    = "ended executions (EventBridge)"
	lineStarts    = "engines that start"
)

// ledger collects quantities by line and price.
type ledger struct {
	prices *price.Table
	lines  []*entry
}

// entry is a line that is not priced yet.
type entry struct {
	name   string
	idle   bool
	prices []string
	sums   map[string]float64
}

// add adds a quantity of something to a line.
func (l *ledger) add(line, id string, quantity float64) { l.entry(line, false).add(id, quantity) }

// addIdle adds a quantity that is paid without any object.
func (l *ledger) addIdle(line, id string, quantity float64) { l.entry(line, true).add(id, quantity) }

func (l *ledger) entry(name string, idle bool) *entry {
	for _, e := range l.lines {
		if e.name == name && e.idle == idle {
			return e
		}
	}
	e := &entry{name: name, idle: idle, sums: map[string]float64{}}
	l.lines = append(l.lines, e)
	return e
}

func (e *entry) add(id string, quantity float64) {
	if _, known := e.sums[id]; !known {
		e.prices = append(e.prices, id)
	}
	e.sums[id] += quantity
}

// close prices the lines. Tiers are reached by all lines together.
func (l *ledger) close() []Line {
	totals := map[string]float64{}
	for _, e := range l.lines {
		for id, q := range e.sums {
			totals[id] += q
		}
	}
	var lines []Line
	for _, e := range l.lines {
		line := Line{Name: e.name, Idle: e.idle}
		for _, id := range e.prices {
			p, q := l.prices.Price(id), e.sums[id]
			unit := p.Tiers[0].Dollars
			if total := totals[id]; p.Tiered(total) {
				unit = p.Cost(total) / total * p.Per
			}
			t := Term{Quantity: q, Unit: p.Unit, Price: unit, Per: p.Per, Dollars: q / p.Per * unit, Tiers: p.Tiered(totals[id])}
			line.Terms = append(line.Terms, t)
			line.Dollars += t.Dollars
		}
		lines = append(lines, line)
	}
	return lines
}

// Bill returns what it costs to scan objects that arrive evenly over a time in seconds, and the tags of one month. A
// burst is what does not arrive evenly: its time is that of its drain, and all engines start anew.
func (p *Planner) Bill(o *workload.Objects, seconds float64, burst bool) Bill {
	l := &ledger{prices: p.prices}
	groups := p.groups(o)
	for _, g := range groups {
		p.addMachine(l, g, burst)
	}
	for _, g := range groups {
		p.addFunctions(l, g)
	}
	p.addStarts(l, groups, seconds, burst)
	for _, g := range groups {
		p.addStorage(l, g)
	}
	for _, g := range groups {
		p.addLogs(l, g)
	}
	n, bytes := o.Total()
	p.addTraces(l, n, seconds)
	p.addIdle(l)
	b := Bill{Lines: l.close(), Objects: n, Bytes: bytes}
	for _, line := range b.Lines {
		switch {
		case line.Idle:
			b.Idle += line.Dollars
			continue
		case slices.Contains([]string{lineMachine, lineDispatch, lineQueue}, line.Name):
			b.Dispatch += line.Dollars
		}
		b.Dollars += line.Dollars
	}
	b.GuardDuty = p.prices.Price("guardduty.object").Cost(b.Objects) + p.prices.Price("guardduty.data").Cost(bytes/1e9)
	return b
}

// Line returns the line of this name, if there is one.
func (b Bill) Line(name string) (Line, bool) {
	i := slices.IndexFunc(b.Lines, func(l Line) bool { return l.Name == name })
	if i < 0 {
		return Line{}, false
	}
	return b.Lines[i], true
}

// Largest returns the lines that cost most, without the idle ones.
func (b Bill) Largest() []Line {
	var lines []Line
	for _, l := range b.Lines {
		if !l.Idle {
			lines = append(lines, l)
		}
	}
	slices.SortStableFunc(lines, func(x, y Line) int { return cmp.Compare(y.Dollars, x.Dollars) })
	return lines
}

// expressChunk and expressTick are how Step Functions rounds memory (GB) and time (seconds) of express executions. 50
// MB and the documents, of which a job is a few kilobytes, are one chunk of 64 MB.
const (
	expressChunk = 64.0 / 1024
	expressTick  = 0.1
)

// addMachine adds state machine, dispatch and queues.
func (p *Planner) addMachine(l *ledger, g group, burst bool) {
	billed := p.dispatch(g.object)
	if g.lane == Express {
		duration := math.Ceil(p.execution(g.object).Seconds()/expressTick) * expressTick
		l.add(lineMachine, "states.express.request", g.objects)
		l.add(lineMachine, "states.express.duration", g.objects*duration*expressChunk/3600)
	} else {
		l.add(lineMachine, "states.transition", g.objects*float64(len(g.states())))
		l.add(lineEvents, "events.service", g.objects)
		if burst { // dispatch waits for a permit, as long as one is away
			work, back := p.cycle(g.object)
			billed = max(billed, work+back)
		}
	}
	l.add(lineDispatch, "lambda.request", g.objects)
	l.add(lineDispatch, "lambda.duration", g.objects*billed.Seconds()*gb(stack.memory["dispatch"]))
	l.add(lineQueue, "sqs.request", g.objects*float64(g.queueRequests()))
}

// addFunctions adds the functions of the state machine.
func (p *Planner) addFunctions(l *ledger, g group) {
	for _, f := range g.functions() {
		line, seconds := f+" (Lambda)", g.objects*p.durationOf(f, g.object).Seconds()
		l.add(line, "lambda.request", g.objects)
		l.add(line, "lambda.duration", seconds*gb(p.memoryOf(f)))
		if f == "scan" {
			l.add(line, "lambda.storage", seconds*gb(stack.scanStorage-freeStorage))
		}
	}
}

// freeStorage is the size of /tmp in MB that Lambda does not bill.
const freeStorage = 512

func gb(mb int) float64 { return float64(mb) / 1024 }

// definitionsBytes is the size of a generation of definitions on the volume, which each engine reads when it starts.
const definitionsBytes = 330e6

// addStarts adds the engines that start: in a burst one for each permit. Otherwise as many run as have work at a time;
// Lambda ends an environment some hours after its start, and one that has no work after some minutes. Both times are
// guesses.
func (p *Planner) addStarts(l *ledger, groups []group, seconds float64, burst bool) {
	var objects, busy float64
	for _, g := range groups {
		objects += g.objects
		busy += g.objects * p.durationOf("scan", g.object).Seconds()
	}
	starts := math.Min(objects, float64(p.permits()))
	if !burst {
		life, idle := p.times.Wait("environment.life").Seconds(), p.times.Wait("environment.idle").Seconds()
		alone := math.Exp(-objects / seconds * idle) // the share of objects that find no engine
		engines := math.Min(float64(p.permits()), math.Ceil(busy/seconds))
		starts = math.Min(objects, objects*alone+(1-alone)*engines*seconds/life)
	}
	start := p.times.EngineStart / 1000
	l.add(lineStarts, "lambda.duration", starts*start*gb(p.ScanMemory))
	l.add(lineStarts, "lambda.storage", starts*start*gb(stack.scanStorage-freeStorage))
	l.add(lineStarts, "efs.read", starts*definitionsBytes/gib)
}

// addStorage adds the volume, S3 and what follows a verdict.
func (p *Planner) addStorage(l *ledger, g group) {
	written, read := g.volume().metered()
	l.add(lineVolume, "efs.write", g.objects*written/gib)
	l.add(lineVolume, "efs.read", g.objects*read/gib)
	for _, r := range g.requests() {
		n := g.objects * float64(r.Number)
		switch {
		case billedAs[r.Operation] != "":
			l.add(lineRequests, billedAs[r.Operation], n)
		case r.Operation == "sns Publish":
			l.add(lineAnnounce, "sns.publish", n)
		}
	}
	if g.announced() {
		l.add(lineAnnounce, "events.custom", g.objects)
	}
	if g.events { // in the same request, and billed as an event of its own
		l.add(lineAnnounce, "events.custom", g.objects)
	}
	l.add(lineTags, "s3.tag", g.objects*g.tags())
	if g.end == Infected { // at most: the bucket key saves most of them
		l.add(lineKeys, "kms.request", g.objects*keyRequests)
	}
}

// keyRequests is how often at most S3 asks KMS for an object in quarantine: for the copy, the record, and a HEAD of the
// copy.
const keyRequests = 3

// storedShare is how much of a log's size CloudWatch stores: it compresses, to 15 % by AWS's own word.
// https://aws.amazon.com/cloudwatch/pricing/
const storedShare = 0.15

// addLogs adds what is logged, and its storage.
func (p *Planner) addLogs(l *ledger, g group) {
	bytes := functionLog("dispatch")
	for _, f := range g.functions() {
		bytes += functionLog(f)
	}
	p.addLog(l, lineFunctions, g.objects*bytes)
	if g.lane == Express {
		bytes, _ := executionLog(g.object)
		p.addLog(l, lineHistory, g.objects*bytes)
	}
}

func (p *Planner) addLog(l *ledger, line string, bytes float64) {
	l.add(line, "logs.ingest", bytes/1e9)
	l.add(line, "logs.storage", bytes/1e9*storedShare*stack.retentionDays/30)
}

// addTraces adds the traces that X-Ray samples of Lambda's invocations: the first in each second, and 5 % of the
// others.
// https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
func (p *Planner) addTraces(l *ledger, objects, seconds float64) {
	rate := objects / seconds
	share := 1.0
	if rate > 1 {
		share = (1 + 0.05*(rate-1)) / rate
	}
	l.add(lineTraces, "xray.trace", objects*share)
}
