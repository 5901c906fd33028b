"""Creates a transformed template as a stack in moto's CloudFormation, in this process."""

import contextlib
import json
import os
import re
import warnings
from dataclasses import dataclass

from services import client
from moto import mock_aws

from transform import ARTIFACTS
from variants import values

# `lazaret local` uses the same name, account and region, so that all ARNs are equal.
NAME, ACCOUNT, REGION = "lazaret", "000000000000", "us-east-1"


@dataclass
class Deployed:
    """One stack: its template, its parameters' values and its resources."""

    name: str
    template: dict
    parameters: dict  # of the root stack; those of a nested stack are in its parent's template
    physical: dict  # logical id -> physical id, of the resources that exist
    outputs: dict


def environment():
    """Sets the variables that moto and boto3 read. It must run before moto is used."""
    os.environ.update(
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION=REGION,  # noqa: S105
        MOTO_ACCOUNT_ID=ACCOUNT,
        AWS_EC2_METADATA_DISABLED="true",
        AWS_MAX_ATTEMPTS="1",
    )  # moto would refuse a request again
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        os.environ.pop(name, None)


@contextlib.contextmanager
def emulator():
    """Replaces AWS by an empty moto, with AWS's managed policies, until the end of the with statement."""
    config = {"stepfunctions": {"execute_state_machine": True}, "iam": {"load_aws_managed_policies": True}}
    with mock_aws(config=config), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _own_network():
    """Creates the VPC and subnets of a user who brings their own."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = []
    for n, zone in enumerate("ab"):
        made = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")
        subnets.append(made["Subnet"]["SubnetId"])
    return {"vpc": vpc, "subnets": ",".join(subnets)}


def create(template, objects, variant):
    """Creates the stack and its nested stacks, and returns them, the root first."""
    s3 = client("s3")
    s3.create_bucket(Bucket=ARTIFACTS)
    for key, body in {**objects, "template.json": json.dumps(template).encode()}.items():
        s3.put_object(Bucket=ARTIFACTS, Key=key, Body=body)
    if "{vpc}" in variant.values():
        made = _own_network()
        variant = {name: value.format(**made) if value.startswith("{") else value for name, value in variant.items()}
    parameters = values(template, variant)
    client("cloudformation").create_stack(
        StackName=NAME,
        TemplateURL=f"https://s3.amazonaws.com/{ARTIFACTS}/template.json",
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    return _describe(NAME, template, objects, parameters)


def _describe(name, template, objects, parameters):
    cloudformation = client("cloudformation")
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise RuntimeError(f"stack {name} is {stack['StackStatus']}: {stack.get('StackStatusReason')}")
    resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    deployed = Deployed(
        name=name,
        template=template,
        parameters=parameters,
        # a resource whose condition is false, or whose type moto does not know, has no ids here
        physical={
            each["LogicalResourceId"]: each.get("PhysicalResourceId", "")
            for each in resources
            if "LogicalResourceId" in each
        },
        outputs={each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])},
    )
    stacks = [deployed]
    for logical_id, physical_id in deployed.physical.items():
        resource = template["Resources"][logical_id]
        if resource["Type"] == "AWS::CloudFormation::Stack":
            key = re.sub(f"^.*/{ARTIFACTS}/", "", resource["Properties"]["TemplateURL"])
            stacks += _describe(physical_id, json.loads(objects[key]), objects, {})
    return stacks
