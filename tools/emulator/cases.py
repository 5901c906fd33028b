"""The uploads, and where each must end with each bucket layout."""

import pathlib
from dataclasses import dataclass, field, replace

ENCRYPTED = pathlib.Path(__file__).resolve().parents[2] / "local" / "cmd" / "lazaret" / "sample" / "encrypted.zip"

# In two parts, so that no scanner finds this file.
EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + "ANTIVIRUS-TEST-FILE!$H+H*").encode()

TEN_TAGS = {f"tag-{n}": "taken" for n in range(10)}  # S3 allows ten, so the verdict cannot be added

_JUDGED = ["Fetch", "Scan", "Tag", "Route"]


@dataclass(frozen=True)
class Case:
    """An upload: its content, the states that its execution must enter, and the bucket where it must end."""

    name: str
    content: bytes
    states: list
    verdict: str = ""
    bucket: str = "uploads"  # where it must end; "": nowhere
    status: str = "SUCCEEDED"
    tags: dict = field(default_factory=dict)


_INFECTED = Case("infected", EICAR, [*_JUDGED, "Quarantine", "Notify", "Done"], "INFECTED", "quarantine")
# The object is deleted after dispatch has received its event.
# Quarantine looks for a copy of an earlier attempt that died.
_GONE = Case(
    "gone", b"a letter that is taken back", ["Fetch", "Vanished", "Quarantine", "Unmoved", "Gone"], bucket=""
)
_FULL = Case(
    "no room for the verdict",
    b"a letter with ten tags",
    ["Fetch", "Scan", "Tag", "Untagged", "DeadLetter", "Reported", "Failed"],
    status="FAILED",
    tags=TEN_TAGS,
)

LAYOUTS = {
    "two buckets": (
        {},
        [
            Case("clean", b"a letter, nothing to see here", [*_JUDGED, "Done"], "CLEAN"),
            _INFECTED,
            Case("unscannable", ENCRYPTED.read_bytes(), [*_JUDGED, "Notify", "Done"], "UNSCANNABLE"),
            _GONE,
            _FULL,
        ],
    ),
    "three buckets, everything announced, reported and moved": (
        {
            "BucketLayout": "three-bucket",
            "AnnounceClean": "true",
            "GuardDutyEvents": "true",
            "QuarantineUnscannable": "true",
        },
        [
            Case(
                "clean",
                b"a letter, nothing to see here",
                [*_JUDGED, "Promote", "Announce", "Notify", "Done"],
                "CLEAN",
                "clean",
            ),
            _INFECTED,
            Case(
                "unscannable",
                ENCRYPTED.read_bytes(),
                [*_JUDGED, "Quarantine", "Notify", "Done"],
                "UNSCANNABLE",
                "quarantine",
            ),
            replace(_FULL, states=[*_FULL.states[:-1], "Report", "Failed"]),
        ],
    ),
}
