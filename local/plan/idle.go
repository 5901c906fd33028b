package plan

// Lines of what is paid without a single object, for a month.
const (
	idleAlarms    = "idle: alarms, dashboard, metrics"
	idleKeys      = "idle: keys (KMS)"
	idleVolume    = "idle: definitions on the volume"
	idleFreshclam = "idle: freshclam"
	idlePolling   = "idle: polling the queues (SQS)"
	idleCounting  = "idle: counting the permits"
)

// What happens without a single object.
const (
	metrics = 13 // custom ones, while they are emitted

	// A run of freshclam that finds nothing new, and one with a new set, of which there is one a day. In seconds.
	freshclamRun, freshclamNews = 10, 180

	generations = 2 // on the volume

	// Lambda polls a queue with five requests at a time, each of which waits for 20 seconds, as long as the event source
	// has a MaximumConcurrency: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
	pollers, longPoll = 5, 20.0

	// A count of permits asks SQS for the attributes of the queue.
	countRequests = 1
	countsADay    = 24 * 60
)

// addIdle adds what a month costs without any object.
func (p *Planner) addIdle(l *ledger) {
	const days = month / 86400
	l.addIdle(idleAlarms, "cloudwatch.alarm", stack.alarmMetrics)
	l.addIdle(idleAlarms, "cloudwatch.dashboard", 1)
	l.addIdle(idleAlarms, "cloudwatch.metric", metrics)
	keys := 1.0 // quarantine's
	if p.Workflow == Express {
		keys++ // of the log of executions
	}
	l.addIdle(idleKeys, "kms.key", keys)
	l.addIdle(idleVolume, "efs.storage", generations*definitionsBytes/gib)
	l.addIdle(idleVolume, "efs.write", days*definitionsBytes/gib)
	l.addIdle(idleVolume, "efs.read", days*definitionsBytes/gib)
	runs := stack.freshclamRuns * days
	l.addIdle(idleFreshclam, "lambda.duration", (runs*freshclamRun+days*freshclamNews)*gb(stack.memory["freshclam"]))
	l.addIdle(idleFreshclam, "lambda.request", runs)
	l.addIdle(idleFreshclam, "scheduler.invocation", runs)
	p.addCanary(l)
	queues := 2.0 // uploads and rescans
	l.addIdle(idlePolling, "sqs.request", queues*pollers*month/longPoll)
	counts := countsADay * days
	duration := p.times.Wait("lambda.overhead") + p.times.Work("dispatch", 0, stack.memory["dispatch"]) +
		countRequests*p.times.Wait("sqs.request") + p.times.Wait("states.request") // ListExecutions
	l.addIdle(idleCounting, "lambda.request", counts)
	l.addIdle(idleCounting, "lambda.duration", counts*duration.Seconds()*gb(stack.memory["dispatch"]))
	l.addIdle(idleCounting, "sqs.request", counts*countRequests)
	l.addIdle(idleCounting, "scheduler.invocation", counts)
	l.addIdle(idleCounting, "logs.ingest", counts*functionLog("dispatch")/1e9)
	l.addIdle(idleCounting, "xray.trace", counts)
}
