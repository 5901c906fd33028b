"""The table of what moto cannot do for this template, and why.

A difference between the template and moto that is not in the table is an error.
A row without a difference is an error too: then moto can do it now, and the row
and its workaround can be removed.
"""

import json
from dataclasses import dataclass
from unittest import mock

import moto.cloudformation.parsing as parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.policy_validation import IAMPolicyDocumentValidator

from make_compute import REFUSED_IN_DEFINITIONS

NOT_MADE = {
    "AWS::CloudWatch::MetricStream": "moto has no metric streams",
}

# Properties that the service's API does not return, or returns in another form.
NOT_ANSWERED = {
    "AWS::CloudFormation::Stack.Tags": "moto does not pass tags on to nested stacks",
    "AWS::CloudFormation::Stack.TemplateURL": (
        "no call of CloudFormation answers it, on AWS neither; the nested stack's resources are compared"
    ),
    "AWS::EC2::SecurityGroup.SecurityGroupIngress": "moto forgets the description of a rule that names a group",
    "AWS::EC2::SecurityGroupEgress.Description": "the same",
    "AWS::EFS::FileSystem.BackupPolicy": "moto's EFS answers backup policies only where they are enabled",
    "AWS::EFS::FileSystem.FileSystemPolicy": "moto's EFS has no file system policies",
    "AWS::Lambda::Function.Code": "no call of Lambda answers where a zip came from, on AWS neither",
    "AWS::Lambda::Function.FileSystemConfigs": "moto's Lambda drops them",
    "AWS::Lambda::Function.LoggingConfig": "moto's Lambda drops it",
}


def _undescribed(rules):
    return [{name: value for name, value in rule.items() if name != "Description"} for rule in rules]


# The same property is compared again after this conversion, so that only the known difference is excused.
FORGIVEN = {
    "AWS::EC2::SecurityGroup.SecurityGroupIngress": _undescribed,
}

# Types that moto's CloudFormation lacks and moto's service has. missing_types.py creates them.
NO_TYPE = [
    "AWS::CloudWatch::Alarm",
    "AWS::EC2::EgressOnlyInternetGateway",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::VPCCidrBlock",
    "AWS::KinesisFirehose::DeliveryStream",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Logs::LogStream",
    "AWS::Logs::SubscriptionFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
]

# Types that moto's CloudFormation creates in another way than the template says. missing_types.py creates them.
POOR_TYPE = {
    "AWS::EC2::Route": "knows no egress-only gateway",
    "AWS::EC2::RouteTable": "drops tags",
    "AWS::EC2::SecurityGroup": "leaves the rule that lets everything out",
    "AWS::EC2::Subnet": "drops the IPv6 block",
    "AWS::EC2::SubnetRouteTableAssociation": "gives it an id that EC2 does not know",
    "AWS::EC2::VPC": "drops DNS host names",
    "AWS::EC2::VPCEndpoint": "keeps the policy as Python's text of an object",
    "AWS::IAM::Role": "keeps policies as Python's text of an object, and drops managed ones",
    "AWS::KMS::Key": "keeps the policy as an object, at which its DescribeKey fails",
    "AWS::Lambda::Function": "drops package type, tracing, /tmp size and tags",
    "AWS::Logs::LogGroup": "drops the key, and cuts the :* off the ARN",
    "AWS::S3::Bucket": "drops versioning, public access block, lifecycle, notifications",
    "AWS::StepFunctions::StateMachine": "knows no DefinitionS3Location, logging or tracing",
}


# Attributes that moto does not return for Fn::GetAtt. intrinsics.py computes them; missing_types.py creates the
# access point.
NO_ATTRIBUTE = [
    ("AWS::CloudFormation::Stack", "Outputs"),
    ("AWS::EC2::VPC", "Ipv6CidrBlocks"),
    ("AWS::EFS::AccessPoint", "Arn"),
]


@dataclass
class Probe:
    """A defect in how moto computes templates, and a value that shows it."""

    defect: str
    value: object
    should_be: object


PROBES = [
    Probe("AWS::NoValue stays in its list", ["a", {"Ref": "AWS::NoValue"}], ["a"]),
    Probe("Fn::Cidr is left as it is", {"Fn::Cidr": ["10.0.0.0/24", 2, 7]}, ["10.0.0.0/25", "10.0.0.128/25"]),
]


def learned():
    """Returns the rows of what moto can do now. Called before moto is corrected or extended."""
    known = parsing.get_model_map()
    empty = parsing.ResourceMap("id", "stack", {}, {}, "us-east-1", "0" * 12, {"Resources": {}}, {})
    return (
        (["a policy without a version"] if _takes_no_version() else [])
        + [f"the type {name}" for name in [*NO_TYPE, *NOT_MADE] if name in known]
        + [f"{name}, since it is no type of moto's any more" for name in POOR_TYPE if name not in known]
        + [f"the attribute {attribute} of {name}" for name, attribute in NO_ATTRIBUTE if _has(known[name], attribute)]
        + [f"what the table calls {each.defect!r}" for each in PROBES if _computes(each, empty)]
    )


def _takes_no_version():
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    try:
        IAMPolicyDocumentValidator(json.dumps({"Statement": [statement]})).validate()
    except MalformedPolicyDocument:
        return False
    return True


def _has(model, attribute):
    try:
        model.get_cfn_attribute(mock.MagicMock(), attribute)
    except (AttributeError, UnformattedGetAttTemplateException):
        return False
    return True


def _computes(probe, resources):
    try:
        return parsing.clean_json(probe.value, resources) == probe.should_be
    except Exception:  # noqa: BLE001  (any failure is one of moto's)
        return False


def still_poor(findings):
    """Returns the types of POOR_TYPE that moto's own code has created as the template says."""
    poor = {each.kind for each in findings if not each.right and each.row not in NOT_ANSWERED}
    return [
        f"gaps.py has {name}, which moto makes by itself now: take the row out"
        for name in POOR_TYPE
        if name not in poor
    ]


def judge(findings):
    """Returns the errors: differences that are not in the table, and rows without a difference."""
    excused = {**NOT_MADE, **NOT_ANSWERED}
    wrong = [each for each in findings if not each.right]
    errors = [f"{each.where} ({each.row}) {each.detail}" for each in wrong if each.row not in excused]
    differ = {each.row for each in wrong}
    return errors + [
        f"gaps.py has {row}, and nothing differs there: take the row out" for row in excused if row not in differ
    ]


def table():
    """Returns the rows of the table as they are printed."""
    rows = [("not made", name, why) for name, why in NOT_MADE.items()]
    rows += [("not compared", name, why) for name, why in NOT_ANSWERED.items()]
    rows += [
        ("made through the service's API", name, "moto's CloudFormation does not have the type") for name in NO_TYPE
    ]
    rows += [
        ("made through the service's API", name, f"moto's CloudFormation {why}") for name, why in POOR_TYPE.items()
    ]
    rows += [
        ("repaired in moto", f"{name}.{attribute}", "Fn::GetAtt does not find it") for name, attribute in NO_ATTRIBUTE
    ]
    rows += [("repaired in moto", each.defect, "") for each in PROBES]
    rows += [("repaired in moto", f"definition: {text}", why) for text, why, _ in REFUSED_IN_DEFINITIONS]
    return rows + [
        ("repaired in moto", "IAM refuses a policy without Version", "SAM's role of a schedule has none; AWS takes it")
    ]


def undocumented(page):
    """Returns the rows that docs/emulator.md lacks."""
    lines = set(page.splitlines())
    return [f"docs/emulator.md lacks the row {row}" for row in map(line, table()) if row not in lines]


def line(row):
    """Returns a row in the form of docs/emulator.md."""
    return "| " + " | ".join(cell for cell in row if cell) + " |" + ("" if row[2] else " |")
