// Package template reads template.yaml, and the templates nested in it, as the application that the local stack runs:
// parameters are applied, conditions decided, intrinsic functions resolved and names given. No other package knows SAM
// and CloudFormation; the services know the model below.
package template

import (
	"encoding/json"
	"time"
)

// Account, Region and Partition are the values of the pseudo parameters. LocalStack has the same account.
const (
	Account   = "000000000000"
	Region    = "us-east-1"
	Partition = "aws"
)

// Application is everything that one stack asks for.
type Application struct {
	Name       string            // stack name; resources are called <Name>-<something>
	Parameters map[string]string // every parameter's value as text, defaults included
	Outputs    map[string]string // those whose conditions hold
	Buckets    []Bucket
	Queues     []Queue
	Topics     []Topic
	Functions  []Function
	Machines   []Machine // Standard ones first
	Rules      []Rule
	Alarms     []map[string]any `json:"-"` // AWS::CloudWatch::Alarm of nested applications, their properties
}

// Bucket is an AWS::S3::Bucket with the AWS::S3::BucketPolicy that names it.
type Bucket struct {
	Name          string
	Versioned     bool
	EventBridge   bool // EventBridgeConfiguration: every event goes to the default bus
	Notifications []Notification
	Policy        json.RawMessage // policy document, nil when the template has none
}

// Notification sends a bucket's events to a queue.
type Notification struct {
	Event    string // "s3:ObjectCreated:*" and the like
	QueueARN string
	Prefix   string
	Suffix   string
}

// Queue is an AWS::SQS::Queue.
type Queue struct {
	Name              string
	ARN               string
	VisibilityTimeout time.Duration // AWS's default is 30 s
	Retention         time.Duration // AWS's default is 4 days
	DeadLetterARN     string        // empty without RedrivePolicy
	MaxReceiveCount   int
}

// Topic is an AWS::SNS::Topic.
type Topic struct {
	Name   string
	ARN    string
	Emails []string `json:",omitempty"` // addresses subscribed to it, each unconfirmed
}

// Function is an AWS::Serverless::Function. The local stack runs build/<Short>/bootstrap for it, image or not.
type Function struct {
	LogicalID   string
	Name        string // "lazaret-fetch"
	Short       string // "fetch": the name without the stack's prefix
	ARN         string
	RoleARN     string            // the caller that bucket policies see
	Policies    []json.RawMessage `json:",omitempty"` // inline policy documents of that role
	Image       bool              `json:",omitempty"` // PackageType is Image
	MemoryMB    int
	Timeout     time.Duration
	Reserved    *int // ReservedConcurrentExecutions; nil when none is reserved
	Environment map[string]string
	Mounts      []Mount
	Sources     []QueueSource
	Schedules   []Schedule
}

// Mount is a file system that a function sees: the folder Root of the shared volume, at Path.
type Mount struct {
	Path string // LocalMountPath, "/mnt/lazaret"
	Root string // access point's RootDirectory.Path, "/lazaret/work"
	// AccessPoint is nil where the template names no user.
	AccessPoint *AccessPoint `json:",omitempty"`
}

// AccessPoint is the user that everybody has who uses a mount, and the owner of Root.
type AccessPoint struct {
	UID, GID           int // PosixUser
	SecondaryGIDs      []int
	OwnerUID, OwnerGID int // of RootDirectory's CreationInfo, with Permissions
	Permissions        uint32
}

// QueueSource is an event source mapping from a queue to a function.
type QueueSource struct {
	QueueARN       string
	BatchSize      int  // 1 to 10; AWS's default is 10
	MaxConcurrency int  // ScalingConfig.MaximumConcurrency, 2 to 1000; 0 when not given
	ReportFailures bool // ReportBatchItemFailures
}

// Schedule is a ScheduleV2 event of a function.
type Schedule struct {
	Expression string // "rate(3 hours)"
	Input      string // the function's event
}

// Machine is an AWS::Serverless::StateMachine. Its definition has the DefinitionSubstitutions applied.
type Machine struct {
	Name       string
	ARN        string
	RoleARN    string
	Policies   []json.RawMessage `json:",omitempty"` // inline policy documents of that role
	Express    bool              `json:",omitempty"` // Type is EXPRESS
	LogGroup   string            `json:",omitempty"` // gets every event of an Express machine's executions; may be empty
	Definition []byte
}

// Rule is an AWS::Events::Rule of the default bus, with its targets.
type Rule struct {
	Name    string
	Pattern json.RawMessage
	Targets []Target
}

// Target receives the events that a rule matches, as they are, or in place of each the same input.
type Target struct {
	ID    string
	ARN   string
	Input string `json:",omitempty"` // a JSON text; empty for the event
}
