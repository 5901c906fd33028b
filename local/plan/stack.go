package plan

// stack is what the template says of the deployed stack and the plan needs. TestStack compares it with template.yaml
// and infra/.
var stack = struct {
	memory             map[string]int // MB of each function; scan has ScanMemory
	scanMemory         int
	scanStorage        int // MB of /tmp
	maxConcurrentScans int
	retentionDays      float64 // of logs
	alarmMetrics       float64 // metrics that alarms look at, without Datadog's
	freshclamRuns      float64 // a day
	canarySchedule     string
}{
	memory: map[string]int{
		"dispatch": 256, "fetch": 1769, "tag": 256, "quarantine": 256, "promote": 256, "notify": 256, "report": 256,
		"canary": 256, "freshclam": 2048, "release": 256, "sweep": 1024,
	},
	scanMemory: 3008, scanStorage: 10240, maxConcurrentScans: 20, retentionDays: 30,
	alarmMetrics: 27, freshclamRuns: 8, canarySchedule: "rate(6 hours)",
}

// expressLimit is the size in bytes up to which dispatch runs an object in the express lane.
const expressLimit = 64 << 20

// partSize is the size in bytes of one ranged GetObject of fetch.
const partSize = 8 << 20
