package plan

import (
	"math"
	"time"
)

const (
	idleCanary = "idle: canary"
	canaryOff  = "off"

	// What the function canary does itself in a round. It asks twice about an object that is scanned at once, and every
	// five seconds while an engine starts.
	canaryPuts, canaryLists, canaryReads = 2, 3, 8
	canaryLog                            = 260 // bytes of its log line, and as much for its metric
)

// CanarySchedules are the values of the template's parameter, the longest first.
var CanarySchedules = []string{
	"rate(1 day)", "rate(12 hours)", "rate(6 hours)", "rate(3 hours)", "rate(1 hour)", "rate(15 minutes)",
	"rate(5 minutes)",
}

var canaryIntervals = map[string]time.Duration{
	"rate(1 day)": 24 * time.Hour, "rate(12 hours)": 12 * time.Hour, "rate(6 hours)": 6 * time.Hour,
	"rate(3 hours)": 3 * time.Hour, "rate(1 hour)": time.Hour, "rate(15 minutes)": 15 * time.Minute,
	"rate(5 minutes)": 5 * time.Minute,
}

// Canary is what a month of the canary costs on a schedule, without any other object.
type Canary struct {
	Schedule string  `json:"schedule"`
	Dollars  float64 `json:"dollars"`
	Cold     float64 `json:"cold"` // share of the rounds that start an engine
}

// Canaries returns the canary's price on each schedule.
func (p *Planner) Canaries() (all []Canary) {
	for _, schedule := range CanarySchedules {
		l := &ledger{prices: p.prices}
		q := *p
		q.CanarySchedule = schedule
		q.addCanary(l)
		dollars := 0.0
		for _, line := range l.close() {
			dollars += line.Dollars
		}
		all = append(all, Canary{Schedule: schedule, Dollars: dollars, Cold: q.coldRounds()})
	}
	return all
}

// coldRounds returns the share of rounds that find no engine, because the last one was longer ago than Lambda keeps an
// environment without work. Other uploads make it smaller.
func (p *Planner) coldRounds() float64 {
	idle := p.times.Wait("environment.idle")
	if canaryIntervals[p.CanarySchedule] >= idle {
		return 1
	}
	// Lambda ends an environment some hours after its start.
	return math.Min(1, float64(canaryIntervals[p.CanarySchedule])/float64(p.times.Wait("environment.life")))
}

// addCanary adds a month of rounds: what both samples cost as objects, but for tags, which are removed within minutes,
// and announcements, which there are none of; and what the function itself does.
func (p *Planner) addCanary(l *ledger) {
	if p.CanarySchedule == canaryOff {
		return
	}
	rounds := month / canaryIntervals[p.CanarySchedule].Seconds()
	clean := object{size: 100, end: Kept}
	if p.ThreeBuckets {
		clean.end = Promoted
	}
	infected := object{size: 68, end: Infected}
	samples := &ledger{prices: p.prices}
	var seconds float64 // of one round
	for _, x := range []object{clean, infected} {
		x.lane = p.lane(x)
		g := group{objects: rounds, object: x}
		p.addMachine(samples, g, false)
		p.addFunctions(samples, g)
		p.addStorage(samples, g)
		p.addLogs(samples, g)
		seconds += (p.dispatch(x) + p.execution(x)).Seconds()
	}
	for _, e := range samples.lines {
		if e.name == lineTags || e.name == lineAnnounce {
			continue
		}
		for _, id := range e.prices {
			l.addIdle(idleCanary, id, e.sums[id])
		}
	}
	cold, start := p.coldRounds(), p.times.EngineStart/1000
	l.addIdle(idleCanary, "lambda.duration", rounds*cold*start*gb(p.ScanMemory))
	l.addIdle(idleCanary, "lambda.storage", rounds*cold*start*gb(stack.scanStorage-freeStorage))
	l.addIdle(idleCanary, "efs.read", rounds*cold*definitionsBytes/gib)
	requests := canaryPuts*p.times.Wait("s3.write") + (canaryLists+canaryReads)*p.times.Wait("s3.read")
	l.addIdle(idleCanary, "lambda.request", rounds)
	l.addIdle(idleCanary, "lambda.duration",
		rounds*(seconds+cold*start+requests.Seconds())*gb(stack.memory["canary"]))
	l.addIdle(idleCanary, "scheduler.invocation", rounds)
	l.addIdle(idleCanary, "s3.write", rounds*(canaryPuts+canaryLists))
	l.addIdle(idleCanary, "s3.read", rounds*canaryReads)
	l.addIdle(idleCanary, "logs.ingest", rounds*(functionLog("canary")+2*canaryLog)/1e9)
	l.addIdle(idleCanary, "xray.trace", rounds*3) // of the function, and of both samples' dispatch
}
