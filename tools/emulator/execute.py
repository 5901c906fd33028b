"""Runs the state machine as deployed, in moto's engine, on uploads to the local stack.

Each upload is made twice: one goes to moto's engine, one to the local stack's
own. Both must pass the states and leave the object, tags and dead letter that
the case names, and what the two engines tell of their executions must agree.
"""

import json
import time
import urllib.parse

import engine
import machine
import proxy
import stack
from answers import client
from cases import LAYOUTS
from history import differences, told

PATIENCE = 90  # seconds for all executions of a layout; they take a few
OURS = "ours/"


def prove(template, objects, template_file, say):
    """Returns what does not hold."""
    errors = []
    for layout, (parameters, cases) in LAYOUTS.items():
        with stack.emulator():
            deployed = stack.create(template, objects, parameters)[0]
            errors += [f"{layout}: {each}" for each in _layout(deployed, template_file, parameters, cases)]
        say(f"executed, {layout}: {', '.join(case.name for case in cases)}, in both engines")
    return errors


def _layout(deployed, template_file, parameters, cases):
    local = {}  # service -> client of the local stack

    def before(job):
        """Takes the object of some cases away after dispatch, ahead of the first state."""
        if job["object"]["key"].endswith("/gone"):
            local["s3"].delete_object(Bucket=job["object"]["bucket"], Key=job["object"]["key"], VersionId=job["object"]["versionId"])

    with proxy.serving(before) as between, machine.running(template_file, between.endpoint, parameters) as endpoint:
        local.update({service: engine.of_local_stack(service, endpoint) for service in ("s3", "stepfunctions", "sqs")})
        between.upstream = endpoint
        with engine.tasks_on(endpoint):
            _upload(local["s3"], deployed.outputs["UploadsBucketName"], cases)
            keys = [side + case.name for case in cases for side in (proxy.MOTO, OURS)]
            arns = between.await_executions(keys, PATIENCE)
            tellings = {key: told(_engine(local, key), arns[key], PATIENCE) for key in keys}
        return list(_compare(deployed, local, cases, tellings))  # while the stacks are there


def _upload(s3, bucket, cases):
    for case in cases:
        for side in (proxy.MOTO, OURS):
            s3.put_object(Bucket=bucket, Key=side + case.name, Body=case.content, Tagging=urllib.parse.urlencode(case.tags))


def _engine(local, key):
    return client("stepfunctions") if key.startswith(proxy.MOTO) else local["stepfunctions"]


def _compare(deployed, local, cases, tellings):
    letters = {**_letters(client("sqs"), deployed.outputs["DeadLetterQueueUrl"]),
               **_letters(local["sqs"], local["sqs"].get_queue_url(QueueName=f"{stack.NAME}-dead-letters")["QueueUrl"])}
    for case in cases:
        for side in (proxy.MOTO, OURS):
            key = side + case.name
            for each in _wrong(deployed, local["s3"], case, key, tellings[key], letters.get(key)):
                yield f"{key}: {each}"
        for each in differences(tellings[proxy.MOTO + case.name], tellings[OURS + case.name]):
            yield f"{case.name}: {each}"


def _wrong(deployed, s3, case, key, telling, letter):
    """What is otherwise than the case says."""
    if telling.status != case.status:
        yield f"ended {telling.status}, not {case.status}: {telling.end}"
    if telling.states != case.states:
        yield f"passed {telling.states}, not {case.states}"
    if (letter is None) != (case.status == "SUCCEEDED"):
        yield f"the dead-letter queue has {letter} of it"
    bucket = deployed.outputs["UploadsBucketName"]
    there = s3.list_object_versions(Bucket=bucket, Prefix=key).get("Versions", [])
    if bool(there) != (case.lies_in == "uploads"):
        yield f"in the uploads bucket are {len(there)} versions of it"
    if case.lies_in == "uploads":
        tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    elif case.lies_in:
        copy = telling.end.get("copy")
        if not copy or f"-{case.lies_in}-" not in copy["bucket"]:
            yield f"should be in the {case.lies_in} bucket, but its copy is {copy}"
            return
        tags = s3.get_object_tagging(Bucket=copy["bucket"], Key=copy["key"])["TagSet"]
    else:
        return
    verdict = {tag["Key"]: tag["Value"] for tag in tags}.get("scan-status", "")
    if verdict != case.verdict:
        yield f"is tagged {tags}, not {case.verdict!r}"


def _letters(sqs, url):
    """The dead letters in a queue, by their objects' keys."""
    found, until = {}, time.monotonic() + 10
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            letter = json.loads(message["Body"])
            found[letter["job"]["object"]["key"]] = letter
        if time.monotonic() > until:
            break
    return found
