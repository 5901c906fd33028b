"""Creates parts of the network through EC2's own API (see missing_types.py)."""

import json

from services import client

_PORTS = ("IpProtocol", "FromPort", "ToPort")


def vpc(p, _):
    ec2 = client("ec2")
    tags = [{"ResourceType": "vpc", "Tags": p.get("Tags", [])}]
    made = ec2.create_vpc(CidrBlock=p["CidrBlock"], TagSpecifications=tags)["Vpc"]["VpcId"]
    for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
        if attribute in p:
            ec2.modify_vpc_attribute(VpcId=made, **{attribute: {"Value": p[attribute]}})
    return made, {}


def cidr_block(p, _):
    made = client("ec2").associate_vpc_cidr_block(**p)
    return made["Ipv6CidrBlockAssociation"]["AssociationId"], {}


def egress_gateway(p, _):
    made = client("ec2").create_egress_only_internet_gateway(**p)
    return made["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"], {}


def subnet(p, _):
    p = dict(p)
    tags = p.pop("Tags", [])
    made = client("ec2").create_subnet(**p, TagSpecifications=[{"ResourceType": "subnet", "Tags": tags}])["Subnet"]
    return made["SubnetId"], {"SubnetId": made["SubnetId"]}


def route_table(p, _):
    tags = [{"ResourceType": "route-table", "Tags": p.get("Tags", [])}]
    made = client("ec2").create_route_table(VpcId=p["VpcId"], TagSpecifications=tags)
    return made["RouteTable"]["RouteTableId"], {}


def route(p, _):
    client("ec2").create_route(**p)
    return f"{p['RouteTableId']}|{p.get('DestinationIpv6CidrBlock') or p.get('DestinationCidrBlock')}", {}


def association(p, _):
    return client("ec2").associate_route_table(**p)["AssociationId"], {}


def endpoint(p, _):
    made = client("ec2").create_vpc_endpoint(**{**p, "PolicyDocument": json.dumps(p["PolicyDocument"])})
    return made["VpcEndpoint"]["VpcEndpointId"], {}


def security_group(p, name):
    ec2 = client("ec2")
    made = ec2.create_security_group(GroupName=name, Description=p["GroupDescription"], VpcId=p["VpcId"])["GroupId"]
    if "SecurityGroupEgress" in p:  # CloudFormation then removes the rule that allows all egress
        for rule in ec2.describe_security_groups(GroupIds=[made])["SecurityGroups"][0]["IpPermissionsEgress"]:
            ec2.revoke_security_group_egress(GroupId=made, IpPermissions=[rule])
    for direction, authorize in (
        ("SecurityGroupIngress", ec2.authorize_security_group_ingress),
        ("SecurityGroupEgress", ec2.authorize_security_group_egress),
    ):
        for rule in p.get(direction, []):
            authorize(GroupId=made, IpPermissions=[_permission(rule)])
    return made, {"GroupId": made, "VpcId": p["VpcId"]}


def egress(p, _):
    made = client("ec2").authorize_security_group_egress(GroupId=p["GroupId"], IpPermissions=[_permission(p)])
    return made["SecurityGroupRules"][0]["SecurityGroupRuleId"], {}


def _permission(rule):
    """Converts a rule of a template to the form of EC2's API."""
    about = {"Description": rule["Description"]} if "Description" in rule else {}
    made = {name: rule[name] for name in _PORTS if name in rule}
    group = rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId")
    if group:
        return {**made, "UserIdGroupPairs": [{"GroupId": group, **about}]}
    if "CidrIpv6" in rule:
        return {**made, "Ipv6Ranges": [{"CidrIpv6": rule["CidrIpv6"], **about}]}
    return {**made, "IpRanges": [{"CidrIp": rule["CidrIp"], **about}]}


MAKERS = {
    "AWS::EC2::EgressOnlyInternetGateway": egress_gateway,
    "AWS::EC2::Route": route,
    "AWS::EC2::RouteTable": route_table,
    "AWS::EC2::SecurityGroup": security_group,
    "AWS::EC2::SecurityGroupEgress": egress,
    "AWS::EC2::Subnet": subnet,
    "AWS::EC2::SubnetRouteTableAssociation": association,
    "AWS::EC2::VPC": vpc,
    "AWS::EC2::VPCCidrBlock": cidr_block,
    "AWS::EC2::VPCEndpoint": endpoint,
}
