"""What an engine tells of an execution, in a form in which two tellings can be compared."""

import json
import time
from dataclasses import dataclass

# What is another in every execution: names, times, places.
VOLATILE = {"key", "versionId", "eTag", "sequencer", "lastModified", "file", "time", "durationMs", "run"}


@dataclass
class Telling:
    """One execution that has ended."""

    status: str
    end: object  # its output, or error and cause
    states: list  # the names of the states it entered, in order
    events: list  # type, state and predecessor of each event of its history


def told(stepfunctions, arn, seconds):
    """Waits for the end of the execution and returns what is told of it."""
    until = time.monotonic() + seconds
    while (described := stepfunctions.describe_execution(executionArn=arn))["status"] == "RUNNING":
        if time.monotonic() > until:
            raise TimeoutError(f"{arn} still runs after {seconds} s: {_events(stepfunctions, arn)}")
        time.sleep(0.1)
    events = _events(stepfunctions, arn)
    end = json.loads(described["output"]) if "output" in described else {"error": described.get("error"), "cause": described.get("cause")}
    return Telling(described["status"], end, [state for kind, state, _ in events if kind.endswith("StateEntered")], events)


def _events(stepfunctions, arn):
    events = stepfunctions.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    return [(each["type"], _state(each), each.get("previousEventId", 0)) for each in events]


def _state(event):
    for details in ("stateEnteredEventDetails", "stateExitedEventDetails"):
        if details in event:
            return event[details]["name"]
    return ""


def differences(one, other):
    """What two tellings of the same upload disagree about."""
    if one.status != other.status:
        yield f"one engine ends {one.status}, the other {other.status}"
    if _steady(one.end) != _steady(other.end):
        yield f"one engine ends with {_steady(one.end)}, the other with {_steady(other.end)}"
    if one.events != other.events:
        yield f"histories differ: {[pair for pair in zip(one.events, other.events) if pair[0] != pair[1]][:3]}, {len(one.events)} and {len(other.events)} events"


def _steady(value):
    if isinstance(value, dict):
        return {name: "any" if name in VOLATILE else _kind(each) if name in ("Cause", "cause") else _steady(each)
                for name, each in value.items()}
    return [_steady(each) for each in value] if isinstance(value, list) else value


def _kind(cause):
    """Of what a function raised, its name: its message has the object's key and version in it."""
    return json.loads(cause)["errorType"] if cause and cause.startswith("{") else cause
