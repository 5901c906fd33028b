// Package guardduty writes outcomes in the format of GuardDuty's event "GuardDuty Malware Protection Object Scan
// Result", so that rules and programs that read that event read ours after a change of the source:
// https://docs.aws.amazon.com/guardduty/latest/ug/monitor-with-eventbridge-s3-malware-protection.html
//
// docs/schemas/guardduty-event.schema.json describes the event.
package guardduty

import (
	"encoding/json"
	"fmt"

	"github.com/lazaret/lazaret/internal/job"
)

// Source and DetailType are the fields by which EventBridge rules select the event. Source is where it differs from
// GuardDuty's, which is aws.guardduty.
const (
	Source     = "lazaret"
	DetailType = "GuardDuty Malware Protection Object Scan Result"
)

// Status is GuardDuty's scanResultStatus, which is also the value of its tag.
type Status string

// GuardDuty's values.
const (
	NoThreatsFound Status = "NO_THREATS_FOUND"
	ThreatsFound   Status = "THREATS_FOUND"
	Unsupported    Status = "UNSUPPORTED"
	AccessDenied   Status = "ACCESS_DENIED"
	Failed         Status = "FAILED"
)

// StatusOf returns the status of a verdict. Without a valid verdict it is Failed, never NoThreatsFound.
func StatusOf(scan *job.Scan) Status {
	if !scan.Known() {
		return Failed
	}
	switch scan.Verdict {
	case job.Clean:
		return NoThreatsFound
	case job.Infected:
		return ThreatsFound
	default:
		return Unsupported
	}
}

// scanStatus is GuardDuty's scanStatus for each of its results.
var scanStatus = map[Status]string{
	NoThreatsFound: "COMPLETED", ThreatsFound: "COMPLETED", Unsupported: "SKIPPED", AccessDenied: "SKIPPED",
	Failed: "FAILED",
}

// Detail is the detail of the event. The fields but Lazaret are GuardDuty's.
type Detail struct {
	SchemaVersion string  `json:"schemaVersion"`
	ScanStatus    string  `json:"scanStatus"` // COMPLETED, SKIPPED or FAILED
	ResourceType  string  `json:"resourceType"`
	Object        object  `json:"s3ObjectDetails"`
	Result        result  `json:"scanResultDetails"`
	Lazaret       Lazaret `json:"lazaret"`
}

type object struct {
	BucketName  string `json:"bucketName"`
	ObjectKey   string `json:"objectKey"`
	ETag        string `json:"eTag"`
	VersionID   string `json:"versionId"` // "null" for an object of a bucket without versions
	S3Throttled bool   `json:"s3Throttled"`
}

type result struct {
	Status  Status   `json:"scanResultStatus"`
	Threats []threat `json:"threats"` // null without any, as GuardDuty writes it
	Reasons []string `json:"statusReasons"`
}

type threat struct {
	Name string `json:"name"`
}

// Lazaret is what GuardDuty's format has no field for.
type Lazaret struct {
	Version    int          `json:"version"`           // of this block
	ID         string       `json:"id"`                // of the outcome; an event that is sent twice has the same one
	Verdict    job.Verdict  `json:"verdict,omitempty"` // empty if there is none
	Reason     job.Reason   `json:"reason,omitempty"`  // of UNSCANNABLE
	SHA256     string       `json:"sha256,omitempty"`
	Attempt    int          `json:"attempt"`
	Earlier    *job.Earlier `json:"earlier,omitempty"` // of a rescan: the verdict before
	Copy       *job.Copy    `json:"copy,omitempty"`    // where the object was moved to
	DeadLetter *DeadLetter  `json:"deadLetter,omitempty"`
}

// DeadLetter says why the object waits in the dead-letter queue.
type DeadLetter struct {
	Error     string `json:"error"`
	Cause     string `json:"cause"`
	Execution string `json:"execution,omitempty"` // ARN; empty if none was started
}

// FromVerdict returns the detail of the event about a job that has a verdict. The error is a job.ErrBadJob if it has
// none.
func FromVerdict(j job.Job) (Detail, error) {
	if !j.Scan.Known() {
		return Detail{}, fmt.Errorf("%w: %s", job.ErrBadJob, j.Scan.Outcome())
	}
	d := newDetail(j, StatusOf(j.Scan))
	d.Lazaret.Copy = j.Copy
	return d, nil
}

// FromDeadLetter returns the detail of the event about a job that became a dead letter. An infection that was found is
// told as such. Every other job has no result: a clean one may have no tag, or not be where its readers look for it.
func FromDeadLetter(j job.Job, letter DeadLetter) Detail {
	status := Failed
	switch {
	case StatusOf(j.Scan) == ThreatsFound:
		status = ThreatsFound
	case letter.Error == job.Name(job.ErrAccessDenied):
		status = AccessDenied
	}
	d := newDetail(j, status)
	letter.Cause = job.Message(letter.Cause)
	d.Lazaret.DeadLetter = &letter
	return d
}

func newDetail(j job.Job, status Status) Detail {
	d := Detail{
		SchemaVersion: "1.0", ScanStatus: scanStatus[status], ResourceType: "S3_OBJECT",
		Object: object{
			BucketName: j.Object.Bucket, ObjectKey: j.Object.Key, ETag: j.Object.ETag, VersionID: j.Object.Pinned(),
		},
		Result:  result{Status: status},
		Lazaret: Lazaret{Version: 1, ID: j.ExecutionName(), Attempt: j.Attempt, Earlier: j.Earlier},
	}
	if d.Object.VersionID == "" {
		d.Object.VersionID = "null"
	}
	if j.Scan.Known() {
		d.Lazaret.Verdict, d.Lazaret.Reason, d.Lazaret.SHA256 = j.Scan.Verdict, j.Scan.Reason, j.Scan.SHA256
	}
	switch {
	case status == ThreatsFound:
		d.Result.Threats = []threat{{Name: j.Scan.Signature}}
	case status == Unsupported && j.Scan.Reason == job.Encrypted:
		d.Result.Reasons = []string{"PASSWORD_PROTECTED"} // GuardDuty's name for it
	}
	return d
}

// JSON returns the detail as EventBridge takes it.
func (d Detail) JSON() (string, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("encode the event about %s: %w", d.Lazaret.ID, err)
	}
	return string(text), nil
}
