package plan

// logged is what the functions write to their log for one object, in bytes without the overhead of an event. The lines
// are those of the sample object; a whole-machine test measures them.
var logged = map[string][]int{
	"dispatch":   {370},
	"fetch":      {342},
	"scan":       {335, 262, 210}, // and two lines of metrics
	"tag":        {333},
	"quarantine": {375},
	"promote":    {341},
	"notify":     {365},
}

// platform is what Lambda itself logs for each invocation in the format JSON at level INFO, in bytes: platform.start
// and platform.report, both with the id of the trace.
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
var platform = []int{
	len(`{"time":"2026-11-29T18:45:22.012Z","type":"platform.start","record":{"requestId":"6f7f0961-f834-4211-8a7a-` +
		`f6fe80b88d56","version":"$LATEST","tracing":{"spanId":"54565fb41ac79632","type":"X-Amzn-Trace-Id",` +
		`"value":"Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=0"}}}`),
	len(`{"time":"2026-11-29T18:45:22.112Z","type":"platform.report","record":{"requestId":"6f7f0961-f834-4211-8a7a-` +
		`f6fe80b88d56","status":"success","metrics":{"durationMs":109.418,"billedDurationMs":110,"memorySizeMB":1769,` +
		`"maxMemoryUsedMB":61},"tracing":{"spanId":"54565fb41ac79632","type":"X-Amzn-Trace-Id",` +
		`"value":"Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=0"}}}`),
}

// functionLog returns the bytes that one invocation of a function logs.
func functionLog(function string) (bytes float64) {
	for _, lines := range [][]int{logged[function], platform} {
		for _, n := range lines {
			bytes += float64(n + logOverhead)
		}
	}
	return bytes
}
