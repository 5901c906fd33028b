package metric

// The names of the metrics. Alarms, the dashboard and Datadog use the names and their dimensions;
// tests of the template compare them.
const (
	ScanDuration       = "ScanDuration"
	BytesScanned       = "BytesScanned"
	Verdicts           = "Verdicts"
	Gone               = "Gone"
	Waited             = "Waited"
	CanaryFailures     = "CanaryFailures"
	DefinitionsAge     = "DefinitionsAge"
	DefinitionsVersion = "DefinitionsVersion"
	CooldownRemaining  = "CooldownRemaining"
	UpdateOutcome      = "UpdateOutcome"

	DefinitionsHeldBack = "DefinitionsHeldBack"
	OwnDetections       = "OwnDetections"
	SignatureOnTrial    = "SignatureOnTrial"
	TrialsUncounted     = "TrialsUncounted"

	CanaryRight        = "CanaryRight"
	OldestUnscannedAge = "OldestUnscannedAge"
	SweepPagesFailed   = "SweepPagesFailed"
)

// Metric describes a metric.
type Metric struct {
	Name string
	Unit Unit
	// Dimension is added to Stack; empty for none. CloudWatch does not aggregate
	// over dimensions: a metric with one has no value for Stack alone.
	Dimension string
	Meaning   string // one sentence for people
}

// All lists the metrics. Emit accepts no other.
var All = []Metric{
	{
		Name: ScanDuration, Unit: Milliseconds,
		Meaning: "time that the engine and the unpacking of containers took for one object",
	},
	{
		Name: BytesScanned, Unit: Bytes,
		Meaning: "size of one object that was scanned",
	},
	{
		Name: Verdicts, Unit: Count, Dimension: "Verdict",
		Meaning: "one for each verdict: CLEAN, INFECTED or UNSCANNABLE",
	},
	{
		Name: Gone, Unit: Count, Dimension: "Cause",
		Meaning: "one for each object of which neither the original nor a copy was found: " +
			"ObjectGone (deleted) or ObjectChanged (overwritten in a bucket without versions)",
	},
	{
		Name: Waited, Unit: Seconds, Dimension: "Queue",
		Meaning: "age of a message of the queue uploads or rescans that dispatch handed back, because no engine was free " +
			"for 14 minutes",
	},
	{
		Name: CanaryFailures, Unit: Count,
		Meaning: "one for each engine that gave a wrong answer about a canary and was replaced",
	},
	{
		Name: DefinitionsAge, Unit: Seconds,
		Meaning: "time since the daily definitions in use were built; no value without daily definitions",
	},
	{
		Name: DefinitionsVersion, Unit: Count,
		Meaning: "version of the daily definitions in use",
	},
	{
		Name: CooldownRemaining, Unit: Seconds,
		Meaning: "time until the mirror may be asked again; 0 if it may be asked now",
	},
	{
		Name: UpdateOutcome, Unit: Count, Dimension: "Outcome",
		Meaning: "one for each run of freshclam",
	},
	{
		Name: DefinitionsHeldBack, Unit: Count,
		Meaning: "signatures because of which the newest definitions are held back: " +
			"they report files that are known to be clean; 0 if nothing is held back",
	},
	{
		Name: OwnDetections, Unit: Count,
		Meaning: "known-clean files that your own signatures report as infected",
	},
	{
		Name: OldestUnscannedAge, Unit: Seconds,
		Meaning: "age of the oldest version without a verdict that a scheduled reconcile has found; 0 if it found none",
	},
	{
		Name: SweepPagesFailed, Unit: Count,
		Meaning: "pages of up to 1,000 versions that a sweep could not judge; its summary names them",
	},
	{
		Name: SignatureOnTrial, Unit: Count,
		Meaning: "one for each object that a new signature hit after more than `NewSignatureLimit` different files: " +
			"it waits as a dead letter, or was moved where the read gate is not proved",
	},
	{
		Name: TrialsUncounted, Unit: Count,
		Meaning: "one for each object that was moved because of a new signature although S3 failed to count its files",
	},
	{
		Name: CanaryRight, Unit: Count,
		Meaning: "one for each round of the function canary in which both samples came out right and in time, " +
			"0 for every other round",
	},
}

// Find returns the metric of that name, and whether there is one.
func Find(name string) (Metric, bool) {
	for _, m := range All {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}
