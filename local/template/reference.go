package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// resource is one entry of Resources, unresolved.
type resource struct {
	id, kind, condition string
	properties          map[string]any
}

// identity is how other resources see one: its name, what Ref gives and what
// Fn::GetAtt gives. A nil map is a resource that the local stack does not run:
// each of its attributes is a placeholder.
type identity struct {
	name, ref  string
	attributes map[string]string
}

// pseudo are CloudFormation's own parameters.
func (s *scope) pseudo(name string) (any, bool) {
	switch name {
	case "AWS::NoValue":
		return removed{}, true
	case "AWS::AccountId":
		return Account, true
	case "AWS::Region":
		return Region, true
	case "AWS::Partition":
		return Partition, true
	case "AWS::StackName":
		return s.stack, true
	case "AWS::StackId":
		return arn("cloudformation", "stack/"+s.stack+"/local"), true
	case "AWS::URLSuffix":
		return "amazonaws.com", true
	case "AWS::NotificationARNs":
		return []any{}, true
	}
	return nil, false
}

func (s *scope) ref(id string) (any, error) {
	if v, ok := s.pseudo(id); ok {
		return v, nil
	}
	if v, ok := s.parameters[id]; ok {
		return v, nil
	}
	i, err := s.identify(id)
	return i.ref, err
}

func (s *scope) getAtt(argument any) (any, error) {
	name, _ := argument.(string)
	id, attribute, dotted := strings.Cut(name, ".")
	if !dotted {
		return nil, errors.New("want Resource.Attribute")
	}
	return s.attribute(id, attribute)
}

func (s *scope) attribute(id, attribute string) (any, error) {
	i, err := s.identify(id)
	if err != nil {
		return nil, err
	}
	if i.attributes == nil {
		return id + "." + attribute, nil
	}
	v, ok := i.attributes[attribute]
	if !ok {
		return nil, fmt.Errorf("%s has no attribute %s", id, attribute)
	}
	return v, nil
}

// identify works out the names of a resource, or of the role that SAM makes for
// a function or a state machine.
func (s *scope) identify(id string) (identity, error) {
	r, ok := s.resources[id]
	if !ok {
		if owner, isRole := s.resources[strings.TrimSuffix(id, "Role")]; isRole && owner.id != id && owner.hasOwnRole() {
			r, ok = resource{id: id, kind: "AWS::IAM::Role", condition: owner.condition}, true
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
	if slices.Contains(s.naming, id) {
		return identity{}, fmt.Errorf("the name of %s depends on itself", id)
	}
	s.naming = append(s.naming, id)
	defer func() { s.naming = s.naming[:len(s.naming)-1] }()
	return s.identity(r)
}

// hasOwnRole reports whether SAM makes a role for the resource.
func (r resource) hasOwnRole() bool {
	return (r.kind == kindFunction || r.kind == kindMachine) && r.properties["Role"] == nil
}

// nameOf is the name that the template gives in the property, or the one that
// CloudFormation would make up, without its random end.
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

const (
	kindBucket   = "AWS::S3::Bucket"
	kindPolicy   = "AWS::S3::BucketPolicy"
	kindQueue    = "AWS::SQS::Queue"
	kindTopic    = "AWS::SNS::Topic"
	kindFunction = "AWS::Serverless::Function"
	kindMachine  = "AWS::Serverless::StateMachine"
	kindRule     = "AWS::Events::Rule"
	kindRole     = "AWS::IAM::Role"
	kindNested   = "AWS::Serverless::Application"
	kindAlarm    = "AWS::CloudWatch::Alarm"

	kindSubscription = "AWS::SNS::Subscription"
)

// nameProperty is where each kind of resource that we know has its name.
var nameProperty = map[string]string{
	kindBucket: "BucketName", kindQueue: "QueueName", kindTopic: "TopicName", kindFunction: "FunctionName",
	kindMachine: "Name", kindRule: "Name", kindRole: "RoleName",
}

func (s *scope) identity(r resource) (identity, error) {
	property, known := nameProperty[r.kind]
	if !known {
		return identity{name: r.id, ref: r.id}, nil
	}
	name, err := s.nameOf(r, property)
	if err != nil {
		return identity{}, err
	}
	switch r.kind {
	case kindBucket:
		name = strings.ToLower(name)
		return identity{name, name, map[string]string{
			"Arn": "arn:" + Partition + ":s3:::" + name, "DomainName": name + ".s3.amazonaws.com",
			"RegionalDomainName": name + ".s3." + Region + ".amazonaws.com",
		}}, nil
	case kindQueue:
		url := "https://sqs." + Region + ".amazonaws.com/" + Account + "/" + name
		return identity{name, url, map[string]string{"Arn": arn("sqs", name), "QueueName": name, "QueueUrl": url}}, nil
	case kindTopic:
		a := arn("sns", name)
		return identity{name, a, map[string]string{"TopicArn": a, "TopicName": name}}, nil
	case kindFunction:
		return identity{name, name, map[string]string{"Arn": arn("lambda", "function:"+name)}}, nil
	case kindMachine:
		a := arn("states", "stateMachine:"+name)
		return identity{name, a, map[string]string{"Arn": a, "Name": name}}, nil
	case kindRule:
		return identity{name, name, map[string]string{"Arn": arn("events", "rule/"+name)}}, nil
	}
	return identity{name, name, map[string]string{
		"Arn": "arn:" + Partition + ":iam::" + Account + ":role/" + name,
	}}, nil
}

// ARN names a resource of the local account and region.
func ARN(service, resource string) string { return arn(service, resource) }

func arn(service, resource string) string {
	return "arn:" + Partition + ":" + service + ":" + Region + ":" + Account + ":" + resource
}
