package template

import (
	"fmt"
	"slices"
	"strings"
)

// resource is one entry of Resources, unresolved.
type resource struct {
	id, kind, condition string
	properties          map[string]any
}

const (
	kindBucket       = "AWS::S3::Bucket"
	kindPolicy       = "AWS::S3::BucketPolicy"
	kindQueue        = "AWS::SQS::Queue"
	kindTopic        = "AWS::SNS::Topic"
	kindSubscription = "AWS::SNS::Subscription"
	kindFunction     = "AWS::Serverless::Function"
	kindMachine      = "AWS::Serverless::StateMachine"
	kindRule         = "AWS::Events::Rule"
	kindRole         = "AWS::IAM::Role"
	kindNested       = "AWS::Serverless::Application"
	kindAlarm        = "AWS::CloudWatch::Alarm"
	kindLogGroup     = "AWS::Logs::LogGroup"
)

// nameProperty is the property that has the name of a resource.
var nameProperty = map[string]string{
	kindBucket: "BucketName", kindQueue: "QueueName", kindTopic: "TopicName", kindFunction: "FunctionName",
	kindMachine: "Name", kindRule: "Name", kindRole: "RoleName", kindLogGroup: "LogGroupName",
}

// identity is how other resources see a resource. Without an ARN the local stack does not run the resource, and its
// attributes are placeholders.
type identity struct{ name, ref, arn string }

func (s *scope) ref(id string) (any, error) {
	pseudo := map[string]any{
		"AWS::NoValue": removed{}, "AWS::AccountId": Account, "AWS::Region": Region, "AWS::Partition": Partition,
		"AWS::StackName": s.stack, "AWS::URLSuffix": "amazonaws.com",
	}
	if v, ok := pseudo[id]; ok {
		return v, nil
	}
	if v, ok := s.parameters[id]; ok {
		return v, nil
	}
	i, err := s.identify(id)
	return i.ref, err
}

func (s *scope) attribute(id, attribute string) (any, error) {
	i, err := s.identify(id)
	switch {
	case err != nil:
		return nil, err
	case i.arn == "":
		return id + "." + attribute, nil
	case attribute == "Arn":
		return i.arn, nil
	}
	if kind := s.resources[id].kind; (kind == kindQueue || kind == kindMachine) && attribute == nameProperty[kind] {
		return i.name, nil
	}
	return nil, fmt.Errorf("%s has no attribute %s", id, attribute)
}

// identify returns the identity of a resource, or of the role that SAM makes for a function or a state machine.
func (s *scope) identify(id string) (identity, error) {
	r, ok := s.resources[id]
	if !ok {
		owner, isRole := s.resources[strings.TrimSuffix(id, "Role")]
		if isRole && (owner.kind == kindFunction || owner.kind == kindMachine) && owner.properties["Role"] == nil {
			r, ok = resource{id: id, kind: kindRole, condition: owner.condition}, true
		}
	}
	if !ok {
		return identity{}, fmt.Errorf("the template has no parameter or resource %q", id)
	}
	if yes, err := s.condition(r.condition); err != nil {
		return identity{}, err
	} else if !yes {
		return identity{}, fmt.Errorf("%s does not exist: its condition %s is false", id, r.condition)
	}
	property, known := nameProperty[r.kind]
	if !known {
		return identity{name: id, ref: id}, nil
	}
	if slices.Contains(s.naming, id) {
		return identity{}, fmt.Errorf("the name of %s depends on itself", id)
	}
	s.naming = append(s.naming, id)
	defer func() { s.naming = s.naming[:len(s.naming)-1] }()
	name, err := s.nameOf(r, property)
	return identityOf(r.kind, name), err
}

// nameOf is the name that the template gives, or the one that CloudFormation would make, without its random end.
func (s *scope) nameOf(r resource, property string) (string, error) {
	v, err := s.resolve(r.properties[property])
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", r.id, property, err)
	}
	if _, gone := v.(removed); v == nil || gone {
		return s.stack + "-" + r.id, nil
	}
	return asText(v)
}

func identityOf(kind, name string) identity {
	i := identity{name: name, ref: name}
	switch kind {
	case kindBucket:
		name = strings.ToLower(name)
		return identity{name: name, ref: name, arn: "arn:" + Partition + ":s3:::" + name}
	case kindRole:
		i.arn = "arn:" + Partition + ":iam::" + Account + ":role/" + name
	case kindFunction:
		i.arn = ARN("lambda", "function:"+name)
	case kindRule:
		i.arn = ARN("events", "rule/"+name)
	case kindQueue:
		i.arn = ARN("sqs", name)
		i.ref = "https://sqs." + Region + ".amazonaws.com/" + Account + "/" + name
	case kindTopic:
		i.arn = ARN("sns", name)
		i.ref = i.arn
	case kindMachine:
		i.arn = ARN("states", "stateMachine:"+name)
		i.ref = i.arn
	case kindLogGroup:
		i.arn = ARN("logs", "log-group:"+name+":*")
	}
	return i
}

// ARN names a resource of the local account and region.
func ARN(service, resource string) string {
	return "arn:" + Partition + ":" + service + ":" + Region + ":" + Account + ":" + resource
}
