"""Executions that have ended, in a form in which those of two engines can be compared."""

import json
import time
from dataclasses import dataclass

# Fields whose values differ in every execution: names, times, places.
VOLATILE = {"key", "versionId", "eTag", "sequencer", "lastModified", "file", "time", "durationMs", "run"}


@dataclass
class EndedExecution:
    """An execution that has ended."""

    status: str
    end: object  # its output, or error and cause
    states: list  # the names of the states it entered, in order
    events: list  # type, state and predecessor of each event


def await_end(stepfunctions, arn, seconds):
    """Waits for the end of the execution and returns it."""
    until = time.monotonic() + seconds
    while (described := stepfunctions.describe_execution(executionArn=arn))["status"] == "RUNNING":
        if time.monotonic() > until:
            raise TimeoutError(f"{arn} still runs after {seconds} s: {_events(stepfunctions, arn)}")
        time.sleep(0.1)
    events = _events(stepfunctions, arn)
    if "output" in described:
        end = json.loads(described["output"])
    else:
        end = {"error": described.get("error"), "cause": described.get("cause")}
    states = [state for kind, state, _ in events if kind.endswith("StateEntered")]
    return EndedExecution(described["status"], end, states, events)


def _events(stepfunctions, arn):
    events = stepfunctions.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    return [(each["type"], _state(each), each.get("previousEventId", 0)) for each in events]


def _state(event):
    for details in ("stateEnteredEventDetails", "stateExitedEventDetails"):
        if details in event:
            return event[details]["name"]
    return ""


def differences(one, other):
    """Yields the differences between two executions of the same upload."""
    if one.status != other.status:
        yield f"one engine ends {one.status}, the other {other.status}"
    if _steady(one.end) != _steady(other.end):
        yield f"one engine ends with {_steady(one.end)}, the other with {_steady(other.end)}"
    if one.events != other.events:
        pairs = [pair for pair in zip(one.events, other.events) if pair[0] != pair[1]]
        yield f"histories differ: {pairs[:3]}, {len(one.events)} and {len(other.events)} events"


def _steady(value):
    if isinstance(value, dict):
        return {
            name: "any" if name in VOLATILE else _kind(each) if name in ("Cause", "cause") else _steady(each)
            for name, each in value.items()
        }
    return [_steady(each) for each in value] if isinstance(value, list) else value


def _kind(cause):
    """Returns the name of a function's error. Its message contains the object's key and version."""
    return json.loads(cause)["errorType"] if cause and cause.startswith("{") else cause
