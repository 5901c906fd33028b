package job

import "time"

// WasClean says for people what the version was before, and since when, if an earlier scan found CLEAN what this one
// did not. Otherwise it is empty.
func (j Job) WasClean() string {
	if j.Earlier == nil || j.Earlier.Verdict != Clean || !j.Scan.Known() || j.Scan.Verdict == Clean {
		return ""
	}
	if j.Earlier.Time.IsZero() {
		return "was CLEAN before"
	}
	return "was CLEAN since " + j.Earlier.Time.UTC().Format(time.RFC3339)
}
