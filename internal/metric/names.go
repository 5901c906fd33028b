package metric

// The metrics, by name. A name and its dimension are what alarms, the dashboard
// and Datadog ask for: to change one is to break them, which infra's tests
// notice.
const (
	ScanDuration       = "ScanDuration"
	BytesScanned       = "BytesScanned"
	Verdicts           = "Verdicts"
	Gone               = "Gone"
	CanaryFailures     = "CanaryFailures"
	DefinitionsAge     = "DefinitionsAge"
	DefinitionsVersion = "DefinitionsVersion"
	CooldownRemaining  = "CooldownRemaining"
	UpdateOutcome      = "UpdateOutcome"
)

// Metric is what CloudWatch and the people who read it know of a metric.
type Metric struct {
	Name string
	Unit Unit
	// Dimension is the one that comes in addition to Stack; empty for none.
	// CloudWatch adds nothing up over dimensions: a metric with one cannot be
	// asked for by Stack alone.
	Dimension string
	Meaning   string
}

// All are the metrics there are. Emit takes no other.
var All = []Metric{
	{ScanDuration, Milliseconds, "", "what the engine and the look into containers took for one object"},
	{BytesScanned, Bytes, "", "the size of one object that was scanned"},
	{Verdicts, Count, "Verdict", "one for each verdict: CLEAN, INFECTED or UNSCANNABLE"},
	{Gone, Count, "Cause", "one for each object that was not there any more, nor a copy of it: ObjectGone (deleted) or ObjectChanged (overwritten without versions)"},
	{CanaryFailures, Count, "", "one for each engine that missed a canary and was replaced"},
	{DefinitionsAge, Seconds, "", "how long ago the daily definitions in use were built; none without daily definitions"},
	{DefinitionsVersion, Count, "", "the version of the daily definitions in use"},
	{CooldownRemaining, Seconds, "", "how long the mirror does not want to be asked; 0 when it may be"},
	{UpdateOutcome, Count, "Outcome", "one for each run of freshclam"},
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
