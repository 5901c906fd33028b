"""Reads functions, roles, rules and the state machine, with the property names of templates."""

import json

from services import answer_or_none, client, tags
from letter_case import upper


def function(name):
    functions = client("lambda")
    found = answer_or_none(functions.get_function, FunctionName=name)
    if not found:
        return None
    read, code = found["Configuration"], found["Code"]
    reserved = answer_or_none(functions.get_function_concurrency, "ReservedConcurrentExecutions", FunctionName=name)
    return {
        **read,
        "Tags": tags(found.get("Tags")),
        "Code": {"ImageUri": code["ImageUri"]} if "ImageUri" in code else {},
        "FileSystemConfigs": read.get("FileSystemConfigs"),
        "ReservedConcurrentExecutions": reserved,
    }


def event_source_mapping(uuid):
    read = answer_or_none(client("lambda").get_event_source_mapping, UUID=uuid)
    return read and {**read, "FunctionName": read["FunctionArn"].rsplit(":", 1)[1]}


def event_invoke_config(name):
    function_name, qualifier = name.split("|")
    get = client("lambda").get_function_event_invoke_config
    read = answer_or_none(get, FunctionName=function_name, Qualifier=qualifier)
    return read and {**read, "FunctionName": function_name, "Qualifier": qualifier}


def permission(expected):
    """Finds a permission in its function's policy: its own id is not in the policy."""
    name = expected["FunctionName"]
    policy = answer_or_none(client("lambda").get_policy, "Policy", FunctionName=name)
    for each in json.loads(policy)["Statement"] if policy else []:
        found = {
            "FunctionName": name,
            "Action": each["Action"],
            "Principal": each["Principal"].get("Service"),
            "SourceArn": each.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn"),
        }
        if found == expected:
            return found
    return None


def role(name):
    iam = client("iam")
    read = answer_or_none(iam.get_role, "Role", RoleName=name)
    if not read:
        return None
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    policies = [
        iam.get_role_policy(RoleName=name, PolicyName=each)
        for each in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]
    return {
        **read,
        "ManagedPolicyArns": [each["PolicyArn"] for each in attached],
        "Policies": [{key: each[key] for key in ("PolicyName", "PolicyDocument")} for each in policies],
    }


def state_machine(arn):
    machines = client("stepfunctions")
    read = answer_or_none(machines.describe_state_machine, stateMachineArn=arn)
    return read and {
        "StateMachineName": read["name"],
        "StateMachineType": read["type"],
        "RoleArn": read["roleArn"],
        "Definition": read["definition"],  # resources.py computes the expected one
        "LoggingConfiguration": upper(read.get("loggingConfiguration")),
        "TracingConfiguration": upper(read.get("tracingConfiguration")),
        "Tags": upper(machines.list_tags_for_resource(resourceArn=arn)["tags"]),
    }


def rule(name):
    events = client("events")
    read = answer_or_none(events.describe_rule, Name=name)
    return read and {**read, "Targets": events.list_targets_by_rule(Rule=name)["Targets"]}


def schedule(name):
    return answer_or_none(client("scheduler").get_schedule, Name=name)


FOUND = {"AWS::Lambda::Permission": permission}

READERS = {
    "AWS::Events::Rule": rule,
    "AWS::IAM::Role": role,
    "AWS::Lambda::EventInvokeConfig": event_invoke_config,
    "AWS::Lambda::EventSourceMapping": event_source_mapping,
    "AWS::Lambda::Function": function,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::StepFunctions::StateMachine": state_machine,
}
