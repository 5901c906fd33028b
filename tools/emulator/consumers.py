"""Replays the event patterns of public rules for GuardDuty's event over the events of this application.

moto's matcher is independent of the local stack's. Only the source of each rule is changed, and GuardDuty's plan, if
the rule names one, becomes the bucket.
"""

import json

from moto.events.models import EventPattern

BUCKET = "lazaret-uploads"  # of the events


def check(root):
    """Returns the errors, and how many patterns were tried."""
    tests = root / "local" / "tests" / "consumers" / "testdata" / "patterns.json"
    events = {
        path.name.removesuffix(".golden.json"): envelope(json.loads(path.read_text()))
        for path in sorted((root / "internal" / "guardduty" / "testdata").glob("*.golden.json"))
    }
    errors = [] if events else ["internal/guardduty/testdata: got no events, want those of all outcomes"]
    rows = json.loads(tests.read_text())["patterns"]
    for row in rows:
        before = json.dumps(row["pattern"])
        if found := [name for name, event in events.items() if matches(before, event)]:
            errors.append(f"{row['name']}: got {found} with GuardDuty's source, want none")
        moved = before.replace('"aws.guardduty"', '"lazaret"')
        moved = moved.replace('"$PLAN"', f'"arn:aws:s3:::{BUCKET}"').replace("$BUCKET", BUCKET)
        got = sorted(name for name, event in events.items() if matches(moved, event))
        if got != row["matches"]:
            errors.append(f"{row['name']}: got {got}, want {row['matches']}")
    return errors, len(rows)


def matches(pattern, event):
    return EventPattern.load(pattern).matches_event(event)


def envelope(detail):
    """Returns the event as EventBridge delivers it."""
    return {
        "version": "0",
        "id": "11111111-2222-3333-4444-555555555555",
        "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "source": "lazaret",
        "account": "000000000000",
        "time": "2026-11-22T09:00:00Z",
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{detail['s3ObjectDetails']['bucketName']}"],
        "detail": detail,
    }
