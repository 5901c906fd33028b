"""Reads the network, with the property names of templates."""

from services import answer_or_none, client


def _one(answer):
    return answer[0] if answer else None


def vpc(vpc_id):
    ec2 = client("ec2")
    read = _one(answer_or_none(ec2.describe_vpcs, "Vpcs", VpcIds=[vpc_id]))
    return read and {
        **read,
        **{
            name: ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name[0].lower() + name[1:])[name]["Value"]
            for name in ("EnableDnsSupport", "EnableDnsHostnames")
        },
    }


def cidr_block(association):
    vpcs = client("ec2").describe_vpcs()["Vpcs"]
    return _one(
        [
            {"VpcId": each["VpcId"], "AmazonProvidedIpv6CidrBlock": True}
            for each in vpcs
            for block in each.get("Ipv6CidrBlockAssociationSet", [])
            if block["AssociationId"] == association
        ]
    )


def subnet(subnet_id):
    read = _one(answer_or_none(client("ec2").describe_subnets, "Subnets", SubnetIds=[subnet_id]))
    blocks = [each["Ipv6CidrBlock"] for each in read["Ipv6CidrBlockAssociationSet"]] if read else []
    return read and {**read, "Ipv6CidrBlock": _one(blocks)}


def egress_gateway(gateway_id):
    read = _one(
        answer_or_none(
            client("ec2").describe_egress_only_internet_gateways,
            "EgressOnlyInternetGateways",
            EgressOnlyInternetGatewayIds=[gateway_id],
        )
    )
    return read and {"VpcId": read["Attachments"][0]["VpcId"]}


def route_table(table_id):
    return _one(answer_or_none(client("ec2").describe_route_tables, "RouteTables", RouteTableIds=[table_id]))


def route(expected):
    table = route_table(expected["RouteTableId"])
    return _one(
        [
            {**each, "RouteTableId": table["RouteTableId"]}
            for each in table["Routes"]
            if each.get("DestinationIpv6CidrBlock") == expected.get("DestinationIpv6CidrBlock")
        ]
    )


def association(association_id):
    tables = client("ec2").describe_route_tables()["RouteTables"]
    return _one(
        [
            each
            for table in tables
            for each in table["Associations"]
            if each.get("RouteTableAssociationId") == association_id
        ]
    )


def endpoint(endpoint_id):
    return _one(answer_or_none(client("ec2").describe_vpc_endpoints, "VpcEndpoints", VpcEndpointIds=[endpoint_id]))


def _rules(group_id, egress):
    rules = client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group_id]}])[
        "SecurityGroupRules"
    ]
    names = {
        "CidrIp": "CidrIpv4",
        "CidrIpv6": "CidrIpv6",
        "Description": "Description",
        "IpProtocol": "IpProtocol",
        "FromPort": "FromPort",
        "ToPort": "ToPort",
    }
    return [
        {**{name: each[key] for name, key in names.items() if key in each}, **_other(each, egress)}
        for each in rules
        if each["IsEgress"] == egress
    ]


def _other(rule, egress):
    other = rule.get("ReferencedGroupInfo", {}).get("GroupId")
    name = "DestinationSecurityGroupId" if egress else "SourceSecurityGroupId"
    return {name: other} if other else {}


def security_group(group_id):
    read = _one(answer_or_none(client("ec2").describe_security_groups, "SecurityGroups", GroupIds=[group_id]))
    return read and {
        "GroupDescription": read["Description"],
        "VpcId": read["VpcId"],
        "SecurityGroupIngress": _rules(group_id, egress=False),
        "SecurityGroupEgress": [
            each for each in _rules(group_id, egress=True) if "DestinationSecurityGroupId" not in each
        ],
    }


def egress(expected):
    return _one(
        [
            {**each, "GroupId": expected["GroupId"]}
            for each in _rules(expected["GroupId"], egress=True)
            if each.get("DestinationSecurityGroupId") == expected["DestinationSecurityGroupId"]
        ]
    )


READERS = {
    "AWS::EC2::EgressOnlyInternetGateway": egress_gateway,
    "AWS::EC2::RouteTable": route_table,
    "AWS::EC2::SecurityGroup": security_group,
    "AWS::EC2::Subnet": subnet,
    "AWS::EC2::SubnetRouteTableAssociation": association,
    "AWS::EC2::VPC": vpc,
    "AWS::EC2::VPCCidrBlock": cidr_block,
    "AWS::EC2::VPCEndpoint": endpoint,
}

# These have no id that the service accepts. They are found by the properties in the template.
FOUND = {
    "AWS::EC2::Route": route,
    "AWS::EC2::SecurityGroupEgress": egress,
}
