"""Creates functions, roles, schedules and state machines through their services' own APIs (see missing_types.py)."""

import json

from services import client

from letter_case import lower


def role(p, name):
    iam, name = client("iam"), p.get("RoleName", name)
    made = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(p["AssumeRolePolicyDocument"]),
        **{each: p[each] for each in ("Description", "Tags", "PermissionsBoundary") if each in p},
    )["Role"]
    for policy in p.get("Policies", []):
        document = {"Version": "2012-10-17", **policy["PolicyDocument"]}  # SAM's role has none, which moto refuses
        iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=json.dumps(document))
    for arn in p.get("ManagedPolicyArns", []):
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    return name, {"Arn": made["Arn"], "RoleId": made["RoleId"]}


def function(p, name):
    functions, p = client("lambda"), dict(p)
    reserved = p.pop("ReservedConcurrentExecutions", None)
    p["Tags"] = {each["Key"]: each["Value"] for each in p.get("Tags", [])}
    p["Environment"] = {"Variables": {each: str(value) for each, value in p["Environment"]["Variables"].items()}}
    for number in ("MemorySize", "Timeout"):
        p[number] = int(p[number])
    arn = functions.create_function(**p)["FunctionArn"]
    if reserved is not None:
        functions.put_function_concurrency(FunctionName=p["FunctionName"], ReservedConcurrentExecutions=int(reserved))
    return p["FunctionName"], {"Arn": arn}


def event_invoke_config(p, _):
    client("lambda").put_function_event_invoke_config(**p)
    return f"{p['FunctionName']}|{p['Qualifier']}", {}


def schedule(p, _):
    return p["Name"], {"Arn": client("scheduler").create_schedule(**p)["ScheduleArn"]}


def state_machine(p, _):
    made = client("stepfunctions").create_state_machine(
        name=p["StateMachineName"],
        definition=definition(p["DefinitionS3Location"], p["DefinitionSubstitutions"]),
        roleArn=p["RoleArn"],
        type=p["StateMachineType"],
        tags=lower(p.get("Tags", [])),
        loggingConfiguration=lower(p["LoggingConfiguration"]),
        tracingConfiguration=lower(p["TracingConfiguration"]),
    )
    return made["stateMachineArn"], {"Arn": made["stateMachineArn"], "Name": p["StateMachineName"]}


def definition(place, substitutions):
    """Returns the definition from its bucket, with every ${name} in it replaced."""
    text = client("s3").get_object(Bucket=place["Bucket"], Key=place["Key"])["Body"].read().decode()
    for name, value in substitutions.items():
        text = text.replace("${%s}" % name, value)
    if "${" in text:
        raise ValueError("a placeholder of the state machine is not substituted")
    for refused, _, taken in REFUSED_IN_DEFINITIONS:
        text = text.replace(refused, taken)
    return text


# What AWS takes in a definition and moto refuses, why, and what stands there in its place.
REFUSED_IN_DEFINITIONS = [
    (
        '"ToleratedFailurePercentage": 100,',
        "moto takes numbers with a point alone",
        '"ToleratedFailurePercentage": 100.0,',
    ),
    ('"InputType": "JSONL"', "moto does not have the type", '"InputType": "JSON"'),
]

MAKERS = {
    "AWS::IAM::Role": role,
    "AWS::Lambda::EventInvokeConfig": event_invoke_config,
    "AWS::Lambda::Function": function,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::StepFunctions::StateMachine": state_machine,
}
