"""Computes the values of a template independently of moto.

moto computes the template's functions when it creates the stack. This computes
them a second time from AWS's documentation, with the physical ids of the
created resources. resources.py compares the two.
"""

import json
import re

from services import client

from intrinsics import cidr
from stack import ACCOUNT, REGION

NO_VALUE = object()

PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": NO_VALUE,
}


def _arn(service, resource, region=REGION, account=ACCOUNT):
    return f"arn:aws:{service}:{region}:{account}:{resource}"


# The attributes of each type, from its physical id. Those of AWS::CloudFormation::Stack are its outputs.
ATTRIBUTES = {
    ("AWS::CloudWatch::Alarm", "Arn"): lambda i: _arn("cloudwatch", f"alarm:{i}"),
    ("AWS::EC2::SecurityGroup", "GroupId"): lambda i: i,
    ("AWS::EC2::VPC", "Ipv6CidrBlocks"): lambda i: [
        each["Ipv6CidrBlock"]
        for each in client("ec2").describe_vpcs(VpcIds=[i])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"]
    ],
    ("AWS::EFS::AccessPoint", "Arn"): lambda i: _arn("elasticfilesystem", f"access-point/{i}"),
    ("AWS::EFS::FileSystem", "Arn"): lambda i: _arn("elasticfilesystem", f"file-system/{i}"),
    ("AWS::Events::Rule", "Arn"): lambda i: _arn("events", f"rule/{i}"),
    ("AWS::IAM::Role", "Arn"): lambda i: f"arn:aws:iam::{ACCOUNT}:role/{i}",
    ("AWS::IAM::Role", "RoleName"): lambda i: i,
    ("AWS::KMS::Key", "Arn"): lambda i: _arn("kms", f"key/{i}"),
    ("AWS::KinesisFirehose::DeliveryStream", "Arn"): lambda i: _arn("firehose", f"deliverystream/{i}"),
    ("AWS::Lambda::Function", "Arn"): lambda i: _arn("lambda", f"function:{i}"),
    ("AWS::Logs::LogGroup", "Arn"): lambda i: _arn("logs", f"log-group:{i}:*"),
    ("AWS::S3::Bucket", "Arn"): lambda i: f"arn:aws:s3:::{i}",
    ("AWS::SNS::Topic", "TopicName"): lambda i: i.rsplit(":", 1)[1],
    ("AWS::SQS::Queue", "Arn"): lambda i: _arn("sqs", i.rsplit("/", 1)[1]),
    ("AWS::SQS::Queue", "QueueName"): lambda i: i.rsplit("/", 1)[1],
    ("AWS::StepFunctions::StateMachine", "Arn"): lambda i: i,
    ("AWS::StepFunctions::StateMachine", "Name"): lambda i: i.rsplit(":", 1)[1],
}


class Resolver:
    """Computes values of one stack's template."""

    def __init__(self, stack, nested):
        self.stack, self.nested = stack, nested  # the latter: physical id -> outputs of each stack
        self.parameters = {name: self._typed(name, each) for name, each in stack.template.get("Parameters", {}).items()}

    def _typed(self, name, parameter):
        value = self.stack.parameters.get(name, parameter.get("Default"))
        is_list = parameter["Type"] == "CommaDelimitedList" or parameter["Type"].startswith("List<")
        return str(value).split(",") if is_list else str(value)

    def exists(self, resource):
        """Whether its condition, if it has one, is true."""
        return "Condition" not in resource or self.condition(resource["Condition"])

    def condition(self, name):
        return self._true(self.stack.template["Conditions"][name])

    def _true(self, test):
        ((function, of),) = test.items()
        match function:
            case "Condition":
                return self.condition(of)
            case "Fn::Not":
                return not self._true(of[0])
            case "Fn::And":
                return all(self._true(each) for each in of)
            case "Fn::Or":
                return any(self._true(each) for each in of)
            case "Fn::Equals":
                return str(self.value(of[0])) == str(self.value(of[1]))
        raise NotImplementedError(f"condition function {function}")

    def value(self, node):
        """The value of a piece of the template."""
        if isinstance(node, list):
            return [each for each in map(self.value, node) if each is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, of),) = node.items()
            if function == "Ref" or function.startswith("Fn::"):
                return getattr(self, "_" + function.removeprefix("Fn::").lower())(of)
        computed = {name: self.value(each) for name, each in node.items()}
        return {name: each for name, each in computed.items() if each is not NO_VALUE}

    def _ref(self, name):
        if name in ("AWS::StackName", "AWS::StackId"):
            return self.stack.name
        if name in PSEUDO:
            return PSEUDO[name]
        return self.parameters[name] if name in self.parameters else self.stack.physical[name]

    def _getatt(self, of):
        name, attribute = of[0], ".".join(of[1:])
        physical, kind = self.stack.physical[name], self.stack.template["Resources"][name]["Type"]
        if kind == "AWS::CloudFormation::Stack":
            return self.nested[physical][attribute.removeprefix("Outputs.")]
        return ATTRIBUTES[kind, attribute](physical)

    def _sub(self, of):
        if isinstance(of, str):
            text, local = of, {}
        else:
            text, local = of[0], {name: self.value(each) for name, each in of[1].items()}

        def replace(match):
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in local:
                return str(local[name])
            return str(self._getatt(name.split(".")) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]*)\}", replace, text)

    def _if(self, of):
        return self.value(of[1] if self.condition(of[0]) else of[2])

    def _join(self, of):
        return of[0].join(str(each) for each in self.value(of[1]))

    def _split(self, of):
        return self.value(of[1]).split(of[0])

    def _select(self, of):
        return self.value(of[1])[int(self.value(of[0]))]

    def _findinmap(self, of):
        name, *path = map(self.value, of)
        value = self.stack.template["Mappings"][name]
        for key in path:
            value = value[key]
        return value

    def _getazs(self, _):
        return [f"{REGION}{zone}" for zone in "abcd"]

    def _cidr(self, of):
        return cidr(*self.value(of))

    def _tojsonstring(self, of):
        return json.dumps(self.value(of))
