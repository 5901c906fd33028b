"""The one table of what moto cannot do for this template, and why.

A difference between template and emulator that is not in here is an error. A
row that no longer stands for a difference is an error too: then moto has
learned it, and the row and what works around it can go.
"""

from dataclasses import dataclass

import moto.cloudformation.parsing as parsing

NOT_MADE = {
    "AWS::CloudWatch::MetricStream": "moto has no metric streams",
}

# What the service's API does not answer, or answers otherwise.
NOT_ANSWERED = {
    "AWS::CloudFormation::Stack.Tags": "moto does not pass tags on to nested stacks",
    "AWS::CloudFormation::Stack.TemplateURL": "no call of CloudFormation answers it, on AWS neither; the nested stack's resources are compared",
    "AWS::EC2::SecurityGroup.SecurityGroupIngress": "moto forgets the description of a rule that names a group",
    "AWS::EC2::SecurityGroupEgress.Description": "the same",
    "AWS::EFS::FileSystem.BackupPolicy": "moto's EFS answers backup policies only where they are enabled",
    "AWS::EFS::FileSystem.FileSystemPolicy": "moto's EFS has no file system policies",
    "AWS::Lambda::Function.Code": "no call of Lambda answers where a zip came from, on AWS neither",
    "AWS::Lambda::Function.FileSystemConfigs": "moto's Lambda drops them",
    "AWS::Lambda::Function.LoggingConfig": "moto's Lambda drops it",
    "AWS::StepFunctions::StateMachine.LoggingConfiguration": "moto cuts the :* off the log group's ARN, which AWS asks for",
}

# moto's CloudFormation has no such type, its service does: made by lacking.py.
NO_TYPE = [
    "AWS::CloudWatch::Alarm", "AWS::EC2::EgressOnlyInternetGateway", "AWS::EC2::SecurityGroupEgress", "AWS::EC2::VPCCidrBlock",
    "AWS::KinesisFirehose::DeliveryStream", "AWS::Logs::LogStream", "AWS::Logs::SubscriptionFilter", "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription", "AWS::SQS::QueuePolicy", "AWS::Scheduler::Schedule",
]

# moto's CloudFormation has the type and does not do what the template says with it: made by lacking.py.
POOR_TYPE = {
    "AWS::EC2::Route": "knows no egress-only gateway",
    "AWS::EC2::RouteTable": "drops tags",
    "AWS::EC2::SecurityGroup": "leaves the rule that lets everything out",
    "AWS::EC2::Subnet": "drops the IPv6 block",
    "AWS::EC2::SubnetRouteTableAssociation": "gives it an id that EC2 does not know",
    "AWS::EC2::VPC": "drops DNS host names",
    "AWS::EC2::VPCEndpoint": "keeps the policy as Python's text of an object",
    "AWS::EFS::AccessPoint": "gives it no id and no attributes",
    "AWS::IAM::Role": "keeps policies as Python's text of an object, and drops managed ones",
    "AWS::KMS::Key": "keeps the policy as an object, at which its DescribeKey fails",
    "AWS::Lambda::Function": "drops package type, tracing, /tmp size and tags",
    "AWS::S3::Bucket": "drops versioning, public access block, lifecycle, notifications",
    "AWS::StepFunctions::StateMachine": "knows no DefinitionS3Location, logging or tracing",
}


@dataclass
class Probe:
    """A defect in how moto computes templates, and a template that shows it."""

    defect: str
    value: object
    should_be: object


PROBES = [
    Probe("AWS::NoValue stays in its list", ["a", {"Ref": "AWS::NoValue"}], ["a"]),
    Probe("Fn::Cidr is left as it is", {"Fn::Cidr": ["10.0.0.0/24", 2, 7]}, ["10.0.0.0/25", "10.0.0.128/25"]),
]


def learned():
    """What is in the table although moto can do it; to be asked before moto is repaired or taught anything."""
    known = parsing.get_model_map()
    empty = parsing.ResourceMap("id", "stack", {}, {}, "us-east-1", "0" * 12, {"Resources": {}}, {})
    return ([f"the type {name}" for name in [*NO_TYPE, *NOT_MADE] if name in known]
            + [f"{name}, since it is no type of moto's any more" for name in POOR_TYPE if name not in known]
            + [f"what the table calls {each.defect!r}" for each in PROBES if _computes(each, empty)])


def _computes(probe, resources):
    try:
        return parsing.clean_json(probe.value, resources) == probe.should_be
    except Exception:  # noqa: BLE001  (any failure is one of moto's)
        return False


def judge(findings):
    """Returns the errors in these findings: differences that the table does not have, and rows without a difference."""
    excused = {**NOT_MADE, **NOT_ANSWERED}
    wrong = [each for each in findings if not each.right]
    errors = [f"{each.where} ({each.row}) {each.detail}" for each in wrong if each.row not in excused]
    differ = {each.row for each in wrong}
    return errors + [f"gaps.py has {row}, and nothing differs there: take the row out" for row in excused if row not in differ]


def table():
    """The table for people, one row each."""
    rows = [("not made", name, why) for name, why in NOT_MADE.items()]
    rows += [("not compared", name, why) for name, why in NOT_ANSWERED.items()]
    rows += [("made through the service's API", name, "moto's CloudFormation does not have the type") for name in NO_TYPE]
    rows += [("made through the service's API", name, f"moto's CloudFormation {why}") for name, why in POOR_TYPE.items()]
    rows += [("repaired in moto", each.defect, "") for each in PROBES]
    return rows
