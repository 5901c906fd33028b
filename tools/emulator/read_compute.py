"""Reads functions, roles, rules and the state machine back, with properties named as in a template."""

from answers import asked, client, tags
from spelling import upper


def function(name):
    functions = client("lambda")
    found = asked(functions.get_function, FunctionName=name)
    if not found:
        return None
    read, code = found["Configuration"], found["Code"]
    return {
        **read, "Tags": tags(found.get("Tags")),
        "Code": {"ImageUri": code["ImageUri"]} if "ImageUri" in code else {},
        "FileSystemConfigs": read.get("FileSystemConfigs"),
        "ReservedConcurrentExecutions": asked(functions.get_function_concurrency, "ReservedConcurrentExecutions", FunctionName=name)}


def event_source_mapping(uuid):
    read = asked(client("lambda").get_event_source_mapping, UUID=uuid)
    return read and {**read, "FunctionName": read["FunctionArn"].rsplit(":", 1)[1]}


def role(name):
    iam = client("iam")
    read = asked(iam.get_role, "Role", RoleName=name)
    return read and {
        **read,
        "ManagedPolicyArns": [each["PolicyArn"] for each in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]],
        "Policies": [
            {"PolicyName": each, "PolicyDocument": iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"]}
            for each in iam.list_role_policies(RoleName=name)["PolicyNames"]]}


def state_machine(arn):
    machines = client("stepfunctions")
    read = asked(machines.describe_state_machine, stateMachineArn=arn)
    return read and {
        "StateMachineName": read["name"], "StateMachineType": read["type"], "RoleArn": read["roleArn"],
        "Definition": read["definition"],  # resources.py computes what it must be
        "LoggingConfiguration": upper(read.get("loggingConfiguration")),
        "TracingConfiguration": upper(read.get("tracingConfiguration")),
        "Tags": upper(machines.list_tags_for_resource(resourceArn=arn)["tags"])}


def rule(name):
    events = client("events")
    read = asked(events.describe_rule, Name=name)
    return read and {**read, "Targets": events.list_targets_by_rule(Rule=name)["Targets"]}


def schedule(name):
    return asked(client("scheduler").get_schedule, Name=name)


READERS = {
    "AWS::Events::Rule": rule,
    "AWS::IAM::Role": role,
    "AWS::Lambda::EventSourceMapping": event_source_mapping,
    "AWS::Lambda::Function": function,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::StepFunctions::StateMachine": state_machine,
}
