package plan

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/local/plan/timing"
	"github.com/lazaret/lazaret/local/plan/workload"
)

// fixed returns a planner whose times are round numbers, so that a bill can be added up by hand: requests take 10 ms,
// bytes move in no time, and each function works for 4 ms at a whole core.
func fixed(t *testing.T, change func(*Options)) *Planner {
	t.Helper()
	o := Defaults()
	if change != nil {
		change(&o)
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	times := &timing.Times{EngineStart: 15000}
	for _, f := range []string{"dispatch", "fetch", "scan", "tag", "quarantine", "promote", "notify", "engine"} {
		times.Processor = append(times.Processor, timing.Processor{Function: f, Base: 4})
	}
	for _, l := range p.times.Latency {
		l.MS = 10
		switch l.ID {
		case "environment.life":
			l.MS = 7_200_000
		case "environment.idle":
			l.MS = 600_000
		}
		times.Latency = append(times.Latency, l)
	}
	for _, x := range p.times.Throughput {
		x.MBs = math.Inf(1)
		times.Throughput = append(times.Throughput, x)
	}
	p.times = times
	return p
}

func objects(t *testing.T, n float64, size int64) *workload.Objects {
	t.Helper()
	o, err := workload.Uniform(n, size)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// line returns a line of a bill.
func line(t *testing.T, b Bill, name string) Line {
	t.Helper()
	for _, l := range b.Lines {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("the bill has no line %q", name)
	return Line{}
}

// TestDurations adds up how long the functions take with the round times.
func TestDurations(t *testing.T) {
	t.Parallel()
	p := fixed(t, nil)
	small := 1769.0 / 256 * 4 // ms of processor of a function with 256 MB
	for _, tt := range []struct {
		function string
		object   object
		want     float64 // ms
	}{
		// 1 request, 3 + 6 operations on the volume, the overhead, 4 ms of a whole core
		{function: "fetch", object: object{size: 10_000, end: Kept, lane: Standard}, want: 10 + 90 + 10 + 4},
		// HEAD; four GET at once wait as one
		{function: "fetch", object: object{size: 30 << 20, end: Kept, lane: Standard}, want: 20 + 90 + 10 + 4},
		{function: "fetch", object: object{size: 3e9, end: Unscannable, unread: true, lane: Standard}, want: 10 + 10 + 4},
		// 3 + 6 operations, and 4 ms of the engine
		{function: "scan", object: object{size: 10_000, end: Kept, lane: Standard}, want: 90 + 10 + 4 + 4},
		{function: "scan", object: object{size: 5, end: Kept, lane: Standard}, want: 90 + 10 + 4},
		{function: "scan", object: object{size: 3e9, end: Unscannable, unread: true, lane: Standard}, want: 10 + 4},
		{function: "tag", object: object{size: 10_000, end: Kept, lane: Standard}, want: 20 + 10 + small},
		{function: "promote", object: object{size: 10_000, end: Promoted, lane: Standard}, want: 70 + 10 + small},
		{function: "quarantine", object: object{size: 10_000, end: Infected, lane: Standard}, want: 80 + 10 + small},
		{function: "notify", object: object{size: 10_000, end: Infected, lane: Standard}, want: 20 + 10 + small},
	} {
		got := p.durationOf(tt.function, tt.object).Seconds() * 1000
		if math.Abs(got-tt.want) > 0.001 {
			t.Errorf("%s of %+v takes %.3f ms, want %.3f", tt.function, tt.object, got, tt.want)
		}
	}
}

// TestLines holds each line of a million clean objects of 10 KB to a sum that was made by hand.
func TestLines(t *testing.T) {
	t.Parallel()
	const (
		mb        = 1.0 / 1024
		gbSecond  = 0.0000166667
		ephemeral = 0.0000000309
		million   = 0.20 // invocations
	)
	smallWork := 0.004 * 1769 / 256
	tag := 0.030 + smallWork
	// The express execution: 10 ms to the first function, 3 × 10 between and after, fetch, scan, tag.
	execution := 0.010 + 0.030 + 0.114 + 0.108 + tag
	for _, tt := range []struct {
		name     string
		workflow Workflow
		burst    bool
		want     float64
	}{
		{name: lineMachine, workflow: Standard, want: 5e6 / 1000 * 0.025},
		// 319.6 ms are billed as 400, with 64 MB
		{name: lineMachine, workflow: Express, want: 1 + 1e6*0.4*64/1024/3600*0.06},
		// sent, received, deleted; shortened; permit received, deleted; a new permit sent
		{name: lineQueue, workflow: Standard, want: 7 * 0.40},
		// sent, received, deleted; shortened; permit received, given back
		{name: lineQueue, workflow: Express, want: 6 * 0.40},
		// overhead, 3 requests to SQS of which two at once, StartExecution
		{name: lineDispatch, workflow: Standard, want: million + 1e6*(0.040+smallWork)*256*mb*gbSecond},
		// in a burst it waits for the permit of the one before: received, executed, 10 ms of EventBridge, 2 × SQS
		{name: lineDispatch, workflow: Standard, burst: true, want: million + 1e6*(0.010+execution+0.010+0.020)*256*mb*gbSecond},
		{name: lineDispatch, workflow: Express, want: million + 1e6*(0.030+smallWork+execution)*256*mb*gbSecond},
		{name: "fetch (Lambda)", workflow: Express, want: million + 1e6*0.114*1769*mb*gbSecond},
		{name: "scan (Lambda)", workflow: Express, want: million + 1e6*0.108*(3008*mb*gbSecond+(10240-512)*mb*ephemeral)},
		{name: "tag (Lambda)", workflow: Express, want: million + 1e6*tag*256*mb*gbSecond},
		// 20 engines of 15 s, each reads 330 MB
		{name: lineStarts, workflow: Express, burst: true, want: 20 * (15*(3008*mb*gbSecond+(10240-512)*mb*ephemeral) + 330e6/(1<<30)*0.03)},
		// evenly over a month: one engine is enough, and a new one comes every two hours
		{name: lineStarts, workflow: Express, want: 360 * (15*(3008*mb*gbSecond+(10240-512)*mb*ephemeral) + 330e6/(1<<30)*0.03)},
		// 6 writes of 4 KiB and one of 32, 12 reads of 4 KiB and one of 32
		{name: lineVolume, workflow: Express, want: 1e6 * ((6*4+32)*0.06 + (12*4+32)*0.03) / (1 << 20)},
		// GET, GET tags; PUT tags
		{name: lineRequests, workflow: Express, want: 2*0.4 + 5},
		{name: lineTags, workflow: Express, want: 3e6 / 10000 * 0.0065},
		{name: lineEvents, workflow: Standard, want: 0},
		// a million seconds of two and a half: 0.39 objects a second are all traced
		{name: lineTraces, workflow: Express, want: 5},
		// 50,000 s: the first of 20 in a second, and a twentieth of the 19 others
		{name: lineTraces, workflow: Express, burst: true, want: (50_000 + 0.05*950_000) / 1e6 * 5},
		{name: idleAlarms, workflow: Standard, want: 27*0.10 + 3 + 13*0.30},
		{name: idleKeys, workflow: Standard, want: 1},
		{name: idleKeys, workflow: Express, want: 2},
		{name: idleVolume, workflow: Standard, want: 330e6 / (1 << 30) * (2*0.30 + 30*0.06 + 30*0.03)},
		{name: idleFreshclam, workflow: Standard, want: (240*10+30*180)*2*gbSecond + 240*(0.20+1)/1e6},
		// five requests every 20 s on each of two queues
		{name: idlePolling, workflow: Standard, want: 2 * 5 * 2_592_000 / 20 * 0.40 / 1e6},
	} {
		p := fixed(t, func(o *Options) { o.Workflow = tt.workflow })
		seconds := month
		if tt.burst {
			seconds = 50_000
		}
		got := line(t, p.Bill(objects(t, 1e6, 10_000), seconds, tt.burst), tt.name)
		if math.Abs(got.Dollars-tt.want) > 1e-6*max(1, tt.want) {
			t.Errorf("%s, %s, burst %t: %.6f dollars, want %.6f: %+v", tt.name, tt.workflow, tt.burst, got.Dollars, tt.want,
				got.Terms)
		}
	}
}

// TestEnds holds the lines of objects that are moved or announced.
func TestEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*Options)
		size   int64
		line   string
		want   float64 // dollars for 1,000 objects
	}{
		// fetch GET; scan GET; tag GET; quarantine 3 HEAD and 2 GET; PUT tags, COPY, PUT of the record
		{name: "infected", change: func(o *Options) { o.InfectedShare = 1 }, size: 10_000, line: lineRequests, want: 8*0.0004 + 3*0.005},
		{name: "infected", change: func(o *Options) { o.InfectedShare = 1 }, size: 10_000, line: lineAnnounce, want: 0.0005 + 0.001},
		{name: "infected", change: func(o *Options) { o.InfectedShare = 1 }, size: 10_000, line: lineMachine, want: 7 * 0.025},
		{name: "infected", change: func(o *Options) { o.InfectedShare = 1 }, size: 10_000, line: lineTags, want: 4 * 0.00065},
		{name: "infected", change: func(o *Options) { o.InfectedShare = 1 }, size: 10_000, line: lineKeys, want: 3 * 0.003},
		{name: "half of them", change: func(o *Options) { o.InfectedShare = 0.5 }, size: 10_000, line: lineMachine, want: 6 * 0.025},
		{name: "promoted", change: func(o *Options) { o.ThreeBuckets = true }, size: 10_000, line: lineRequests, want: 7*0.0004 + 2*0.005},
		{name: "promoted", change: func(o *Options) { o.ThreeBuckets = true }, size: 10_000, line: lineMachine, want: 7 * 0.025},
		{name: "beyond the engine", size: 3e9, line: lineRequests, want: 2*0.0004 + 0.005},
		{name: "beyond the engine", size: 3e9, line: lineVolume, want: 0},
		{name: "beyond the engine", size: 3e9, line: lineMachine, want: 6 * 0.025},
		// 100 MB are 12 parts; 97,657 KiB are written and read, and 4 KiB metered for each of 6 and 12 operations
		{name: "100 MB", size: 1e8, line: lineRequests, want: 14*0.0004 + 0.005},
		{name: "100 MB", size: 1e8, line: lineVolume, want: (97_657+24)*1000/1048576.0*0.06 + (97_657+48)*1000/1048576.0*0.03},
		{name: "100 MB in the express workflow", change: func(o *Options) { o.Workflow = Express }, size: 1e8, line: lineMachine, want: 5 * 0.025},
	} {
		p := fixed(t, tt.change)
		if got := line(t, p.Bill(objects(t, 1000, tt.size), month, false), tt.line); math.Abs(got.Dollars-tt.want) > 1e-6 {
			t.Errorf("%s: %s %.6f dollars, want %.6f: %+v", tt.name, tt.line, got.Dollars, tt.want, got.Terms)
		}
	}
}

// Terms, lines and totals say the same, whatever is planned, and all dollars are above zero.
func TestSums(t *testing.T) {
	t.Parallel()
	for _, workflow := range Workflows {
		for _, n := range []float64{1, 1000, 100_000_000, 3_000_000_000} {
			p := fixed(t, func(o *Options) { o.Workflow, o.InfectedShare, o.ThreeBuckets = workflow, 0.01, n > 1000 })
			b := p.Bill(objects(t, n, 1_000_000), month, false)
			var sum, idle float64
			for _, l := range b.Lines {
				terms := 0.0
				for _, term := range l.Terms {
					terms += term.Dollars
					if by := term.Quantity * term.Price / term.Per; math.Abs(by-term.Dollars) > 1e-9*max(1, by) || by < 0 {
						t.Errorf("%s: %+v: quantity times price is %g", l.Name, term, by)
					}
				}
				if math.Abs(terms-l.Dollars) > 1e-9*max(1, terms) {
					t.Errorf("%s: %g dollars, its terms have %g", l.Name, l.Dollars, terms)
				}
				if l.Idle {
					idle += l.Dollars
				} else {
					sum += l.Dollars
				}
			}
			if math.Abs(sum-b.Dollars) > 1e-9*sum || math.Abs(idle-b.Idle) > 1e-9*idle {
				t.Errorf("%g objects, %s: %g and %g dollars, the lines have %g and %g", n, workflow, b.Dollars, b.Idle, sum, idle)
			}
		}
	}
}

// Tiers are reached by all lines together: 3,000 million objects log more than 10 TB.
func TestTiers(t *testing.T) {
	t.Parallel()
	p := fixed(t, func(o *Options) { o.Workflow = Express })
	b := p.Bill(objects(t, 3e9, 10_000), month, false)
	var gigabytes, dollars float64
	for _, name := range []string{lineFunctions, lineHistory, idleCounting} {
		for _, term := range line(t, b, name).Terms {
			if term.Unit == p.prices.Price("logs.ingest").Unit {
				gigabytes += term.Quantity
				dollars += term.Dollars
				if !term.Tiers {
					t.Errorf("%s does not say that tiers apply", name)
				}
			}
		}
	}
	if want := p.prices.Price("logs.ingest").Cost(gigabytes); gigabytes < 60_000 || math.Abs(dollars-want) > 1 {
		t.Errorf("%g GB of logs cost %g dollars, want %g", gigabytes, dollars, want)
	}
}

// The bars of the express lane, and GuardDuty beside them.
func TestBars(t *testing.T) {
	t.Parallel()
	o := Defaults()
	o.Workflow = Express
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	d, err := p.Drain(objects(t, 1e6, 10_000))
	if err != nil {
		t.Fatal(err)
	}
	b := p.Bill(objects(t, 1e6, 10_000), d.Took.Seconds(), true)
	if b.Dispatch > 15 {
		t.Errorf("state machine, dispatch and queue cost %.2f dollars for a million objects, want at most 15", b.Dispatch)
	}
	if b.Dollars > 45 {
		t.Errorf("all lines cost %.2f dollars for a million objects of 10 KB, want at most 45", b.Dollars)
	}
	if math.Abs(b.GuardDuty-215.9) > 0.01 {
		t.Errorf("GuardDuty costs %.2f dollars, want 215.90", b.GuardDuty)
	}
}

// TestExecutionLog checks the sizes of the parts: an event has at least its frame, and a longer path logs more.
func TestExecutionLog(t *testing.T) {
	t.Parallel()
	x := object{size: 10_000, end: Kept, lane: Express}
	w := &eventWriter{}
	w.event("TaskStarted", fields{"resource": "invoke", "resourceType": "lambda"})
	const started = `{"details":{"resource":"invoke","resourceType":"lambda"},"event_timestamp":"1795977922954",` +
		`"execution_arn":"arn:aws:states:us-east-1:123456789012:express:lazaret-scan-express:` + sampleExecution +
		`:0b8ff9ae-8f0c-4d39-a0b5-8d8a2f1b9d5e","id":"1","previous_event_id":"0","redrive_count":"0","type":"TaskStarted"}`
	if want := len(started) + 26; w.bytes != want {
		t.Errorf("an event TaskStarted has %d bytes, want %d", w.bytes, want)
	}
	clean, _ := executionLog(x)
	if clean < 21*400 || clean > 40_000 {
		t.Errorf("a clean object logs %g bytes in 21 events, want between 8,400 and 40,000", clean)
	}
	x.end = Infected
	if got, _ := executionLog(x); got <= clean {
		t.Errorf("an infected object logs %g bytes, want more than the %g of a clean one", got, clean)
	}
	if !strings.Contains(jobAfter("", x), `"lane":"express-`) || strings.Contains(jobAfter("", x), `"scan"`) {
		t.Errorf("the input of the execution is %s, want a lane and no verdict", jobAfter("", x))
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options){
		"a workflow":         func(o *Options) { o.Workflow = "FAST" },
		"a region":           func(o *Options) { o.Region = "mars-north-1" },
		"too many scans":     func(o *Options) { o.MaxConcurrentScans = 1001 },
		"too little memory":  func(o *Options) { o.ScanMemory = 1024 },
		"a share above 1":    func(o *Options) { o.InfectedShare = 1.5 },
		"a share of nothing": func(o *Options) { o.InfectedShare = math.NaN() },
		"a quota below zero": func(o *Options) { o.AccountConcurrency = -1 },
	} {
		o := Defaults()
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: New() has no error, want one", name)
		}
	}
}

// TestDrain compares drains with what can be said without a simulation.
func TestDrain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		change   func(*Options)
		objects  float64
		size     int64
		want     time.Duration // about, without the first start of the engines
		within   float64
		saturate string
	}{
		// 20 permits, each away for its cycle
		{name: "express", change: func(o *Options) { o.Workflow = Express }, objects: 1e6, size: 10_000, within: 0.02, saturate: "permits"},
		{name: "a burst that the engines' start decides", objects: 20, size: 10_000, want: 15 * time.Second, within: 0.3, saturate: "permits"},
		{name: "1,000 permits meet the quota", change: func(o *Options) { o.MaxConcurrentScans, o.AccountConcurrency = 1000, 10_000 }, objects: 1e6, size: 10_000, want: time.Hour * 1e6 / 300 / 3600, within: 0.02, saturate: "transitions"},
	} {
		p := fixed(t, tt.change)
		if tt.name == "express" { // one object's dispatch, and the next message
			x := p.groups(objects(t, 1, tt.size))[0].object
			work, back := p.cycle(x)
			tt.want = time.Duration(float64(work+back) * 1e6 / 20)
		}
		d, err := p.Drain(objects(t, tt.objects, tt.size))
		if err != nil {
			t.Fatal(err)
		}
		if off := math.Abs(d.Took.Seconds()/tt.want.Seconds() - 1); off > tt.within {
			t.Errorf("%s: drained in %s, want about %s", tt.name, d.Took, tt.want)
		}
		if !strings.Contains(d.Saturated, tt.saturate) || d.Raise == "" {
			t.Errorf("%s: saturated %q, raise %q, want %s", tt.name, d.Saturated, d.Raise, tt.saturate)
		}
	}
}

// A quota of 10 leaves five objects in work, each with two invocations.
func TestSmallAccount(t *testing.T) {
	t.Parallel()
	p := fixed(t, func(o *Options) { o.AccountConcurrency, o.Workflow = 10, Express })
	if permits, raise := p.usable(); permits != 5 || !strings.Contains(raise, "Concurrent executions") {
		t.Errorf("usable() = %g, %q, want 5 and the quota", permits, raise)
	}
	if c := p.Capacities(objects(t, 10, 10_000)); !strings.HasPrefix(c[0].Name, "MaxConcurrentScans") {
		t.Errorf("the narrowest is %+v, want MaxConcurrentScans", c[0])
	}
}
