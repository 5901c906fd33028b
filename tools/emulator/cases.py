"""The uploads that are followed to their ends, and where they must end in each layout."""

import pathlib
from dataclasses import dataclass, field

ENCRYPTED = pathlib.Path(__file__).resolve().parents[2] / "local" / "sample" / "encrypted.zip"

# In two parts, so that no scanner finds this file.
EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + "ANTIVIRUS-TEST-FILE!$H+H*").encode()

TEN_TAGS = {f"tag-{n}": "taken" for n in range(10)}  # so that the verdict finds no room

_JUDGED = ["Fetch", "Scan", "Tag", "Route"]


@dataclass(frozen=True)
class Case:
    """An upload: what is in it, the states it must pass, and where it must be then."""

    name: str
    content: bytes
    states: list
    verdict: str = ""
    lies_in: str = "uploads"  # the bucket; nothing: in none
    status: str = "SUCCEEDED"
    tags: dict = field(default_factory=dict)


_INFECTED = Case("infected", EICAR, [*_JUDGED, "Quarantine", "Notify", "Done"], "INFECTED", "quarantine")
# Whose object is deleted after dispatch has seen it.
_GONE = Case("gone", b"a letter that is taken back", ["Fetch", "Vanished", "Gone"], lies_in="")
_FULL = Case("no room for the verdict", b"a letter with ten tags", ["Fetch", "Scan", "Tag", "Untagged", "DeadLetter", "Failed"],
             status="FAILED", tags=TEN_TAGS)

LAYOUTS = {
    "two buckets": ({}, [
        Case("clean", b"a letter, nothing to see here", [*_JUDGED, "Done"], "CLEAN"),
        _INFECTED,
        Case("unscannable", ENCRYPTED.read_bytes(), [*_JUDGED, "Notify", "Done"], "UNSCANNABLE"),
        _GONE,
        _FULL,
    ]),
    "three buckets, everything announced and moved": (
        {"BucketLayout": "three-bucket", "AnnounceClean": "true", "QuarantineUnscannable": "true"}, [
            Case("clean", b"a letter, nothing to see here", [*_JUDGED, "Promote", "Announce", "Notify", "Done"], "CLEAN", "clean"),
            _INFECTED,
            Case("unscannable", ENCRYPTED.read_bytes(), [*_JUDGED, "Quarantine", "Notify", "Done"], "UNSCANNABLE", "quarantine"),
        ]),
}
