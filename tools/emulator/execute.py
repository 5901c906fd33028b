"""Runs the deployed state machine in moto's engine, on uploads to the local stack.

Each object is uploaded twice: moto's engine runs one execution, the local
stack's engine the other. Both must enter the states of the case and leave its
object, tags and dead letter, and their histories and outputs must be equal.
"""

import json
import time
import urllib.parse

import moto_engine
import local_stack
import proxy
import stack
from services import client
from cases import LAYOUTS
from history import await_end, differences

WAIT_LIMIT = 90  # seconds for all executions of a layout, which take a few
LOCAL = "local/"


def check(template, objects, template_file, say):
    """Returns the errors."""
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
        """Deletes the object of the case gone before its execution starts."""
        if job["object"]["key"].endswith("/gone"):
            o = job["object"]
            local["s3"].delete_object(Bucket=o["bucket"], Key=o["key"], VersionId=o["versionId"])

    with proxy.serving(before) as between, local_stack.running(template_file, between.endpoint, parameters) as endpoint:
        for service in ("s3", "stepfunctions", "sqs"):
            local[service] = moto_engine.local_client(service, endpoint)
        between.upstream = endpoint
        with moto_engine.tasks_on(endpoint):
            _upload(local["s3"], deployed.outputs["UploadsBucketName"], cases)
            keys = [side + case.name for case in cases for side in (proxy.MOTO, LOCAL)]
            arns = between.await_executions(keys, WAIT_LIMIT)
            executions = {key: await_end(_engine(local, key), arns[key], WAIT_LIMIT) for key in keys}
        return list(_compare(deployed, local, cases, executions))  # as long as the stacks exist


def _upload(s3, bucket, cases):
    for case in cases:
        for side in (proxy.MOTO, LOCAL):
            s3.put_object(
                Bucket=bucket, Key=side + case.name, Body=case.content, Tagging=urllib.parse.urlencode(case.tags)
            )


def _engine(local, key):
    return client("stepfunctions") if key.startswith(proxy.MOTO) else local["stepfunctions"]


def _compare(deployed, local, cases, executions):
    letters = {
        **_letters(client("sqs"), deployed.outputs["DeadLetterQueueUrl"]),
        **_letters(local["sqs"], local["sqs"].get_queue_url(QueueName=f"{stack.NAME}-dead-letters")["QueueUrl"]),
    }
    for case in cases:
        for side in (proxy.MOTO, LOCAL):
            key = side + case.name
            for each in _wrong(deployed, local["s3"], case, key, executions[key], letters.get(key)):
                yield f"{key}: {each}"
        for each in differences(executions[proxy.MOTO + case.name], executions[LOCAL + case.name]):
            yield f"{case.name}: {each}"


def _wrong(deployed, s3, case, key, execution, letter):
    """Yields what differs from the case."""
    if execution.status != case.status:
        yield f"got status {execution.status}, want {case.status}: {execution.end}"
    if execution.states != case.states:
        yield f"got states {execution.states}, want {case.states}"
    if (letter is None) != (case.status == "SUCCEEDED"):
        yield f"got the dead letter {letter}, want one only if the execution fails"
    bucket = deployed.outputs["UploadsBucketName"]
    there = s3.list_object_versions(Bucket=bucket, Prefix=key).get("Versions", [])
    if bool(there) != (case.bucket == "uploads"):
        yield f"got {len(there)} versions in the uploads bucket, want it in {case.bucket!r}"
    if case.bucket == "uploads":
        tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    elif case.bucket:
        copy = execution.end.get("copy")
        if not copy or f"-{case.bucket}-" not in copy["bucket"]:
            yield f"got the copy {copy}, want one in the {case.bucket} bucket"
            return
        tags = s3.get_object_tagging(Bucket=copy["bucket"], Key=copy["key"])["TagSet"]
    else:
        return
    verdict = {tag["Key"]: tag["Value"] for tag in tags}.get("scan-status", "")
    if verdict != case.verdict:
        yield f"got tags {tags}, want scan-status {case.verdict!r}"


def _letters(sqs, url):
    """Returns the dead letters in a queue by the keys of their objects."""
    found, until = {}, time.monotonic() + 10
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            letter = json.loads(message["Body"])
            found[letter["job"]["object"]["key"]] = letter
        if time.monotonic() > until:
            break
    return found
