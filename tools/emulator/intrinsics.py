"""Corrects how moto computes the functions of templates (Ref, Fn::GetAtt and others).

Each correction does what AWS documents, and has a row in gaps.py with a probe,
which fails when moto no longer needs the correction.
"""

import contextlib
import ipaddress

from services import client
import moto.cloudformation.parsing as parsing


def cidr(block, count, bits):
    """Computes Fn::Cidr: count subnets of 2^bits addresses."""
    network = ipaddress.ip_network(block)
    subnets = network.subnets(new_prefix=network.max_prefixlen - int(bits))
    return [str(next(subnets)) for _ in range(int(count))]


def _ipv6_blocks(vpc):
    described = client("ec2").describe_vpcs(VpcIds=[vpc.physical_resource_id])["Vpcs"][0]
    return [each["Ipv6CidrBlock"] for each in described["Ipv6CidrBlockAssociationSet"]]


# Attributes that moto's resources of this type lack or compute incorrectly.
ATTRIBUTES = {
    ("AWS::CloudFormation::Stack", "Outputs"): lambda stack: {
        key: each.value for key, each in stack.output_map.items() if each
    },
    ("AWS::EC2::VPC", "Ipv6CidrBlocks"): _ipv6_blocks,
}


def _attribute(name, attribute, resources):
    """Computes Fn::GetAtt of a resource whose type is in ATTRIBUTES."""
    value = ATTRIBUTES[resources._resource_json_map[name]["Type"], attribute[0]](resources[name])
    for part in attribute[1:]:
        value = value[part]
    return value


def _known(name, attribute, resources):
    resource = resources._resource_json_map.get(name)
    return resource is not None and (resource["Type"], attribute[0]) not in ATTRIBUTES


def _repaired(original):
    def clean_json(node, resources):
        if isinstance(node, list):  # AWS::NoValue takes the element out of its list
            return [value for value in (clean_json(each, resources) for each in node) if value is not None]
        if isinstance(node, dict) and "Fn::Cidr" in node:
            return cidr(*clean_json(node["Fn::Cidr"], resources))
        if isinstance(node, dict) and "Fn::GetAtt" in node:
            name, attribute = node["Fn::GetAtt"][0], ".".join(node["Fn::GetAtt"][1:]).split(".")
            if not _known(name, attribute, resources):
                return _attribute(name, attribute, resources)
        return original(node, resources)

    return clean_json


@contextlib.contextmanager
def repaired():
    """Makes moto compute templates as AWS does, until the end of the with statement."""
    original = parsing.clean_json
    parsing.clean_json = _repaired(original)
    try:
        yield
    finally:
        parsing.clean_json = original
