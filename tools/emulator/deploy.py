"""Proves, without AWS, that template.yaml deploys and that what is deployed works.

    .tools/emulator/bin/python tools/emulator/deploy.py

It transforms the template as AWS does, lints the outcome, creates it as a
stack in moto's CloudFormation with several sets of parameters, asks each
service for each resource, and has moto's own engine run the state machine as it
is deployed there, with its tasks on `lazaret local` (`make build` first).
Nothing leaves this machine. The exit code is 0 if all of it holds.
"""

import argparse
import logging
import pathlib
import signal
import sys
import time

import loopback
import stack

stack.environment()  # before anything imports moto or makes a client

import execute  # noqa: E402
import gaps  # noqa: E402
import intrinsics  # noqa: E402
import lacking  # noqa: E402
import resources  # noqa: E402
import transform  # noqa: E402
from variants import DRESSED, VARIANTS  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--template", type=pathlib.Path, default=ROOT / "template.yaml", help="paths in it are relative to its folder")
    arguments.add_argument("--gaps", action="store_true", help="print the table of what moto cannot do, and end")
    chosen = arguments.parse_args()
    if chosen.gaps:
        print(*map(gaps.line, gaps.table()), sep="\n")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that every with statement ends
    loopback.only()
    logging.getLogger("moto").setLevel(logging.CRITICAL)  # what it does not support is in the table
    errors = prove(chosen.template.resolve())
    for error in errors:
        print("ERROR", error[:2000], file=sys.stderr)
    print(f"{len(errors)} errors" if errors else "all of it holds")
    return 1 if errors else 0


def prove(template_file):
    """Does everything; returns what does not hold."""
    began = time.monotonic()

    def say(what):
        print(f"{time.monotonic() - began:5.1f} s  {what}", flush=True)

    template, objects = transform.transformed(template_file)
    say(f"transformed: {len(template['Resources'])} resources, and {sum(key.endswith('.yaml') for key in objects)} nested templates")
    errors = transform.lint(template)
    say(f"linted: {len(errors)} findings")
    errors += [f"moto can do {each} now: take it out of gaps.py" for each in gaps.learned()]
    errors += gaps.undocumented((ROOT / "docs" / "emulator.md").read_text())
    with intrinsics.repaired():
        errors += unaided(template, objects, say)
        lacking.teach()
        errors += deploy(template, objects, say)
        errors += execute.prove(template, objects, template_file, say)
    for kind, name, why in gaps.table():
        print(f"         {kind}: {name}{': ' + why if why else ''}")
    return errors


def unaided(template, objects, say):
    """Creates the stack once with moto's own idea of each type that the table calls poor: it must still be so."""
    lacking.teach(but=gaps.POOR_TYPE)
    with stack.emulator():
        found = resources.inspect(stack.create(template, objects, DRESSED))
    say(f"created, with moto's own types: {sum(not each.right for each in found)} differences")
    return gaps.still_poor(found)


def deploy(template, objects, say):
    """Creates and inspects the stack with each set of parameters."""
    findings = []
    for name, variant in VARIANTS.items():
        with stack.emulator():
            found = resources.inspect(stack.create(template, objects, variant))
        compared = sum(each.property != "" for each in found)
        say(f"created, {name}: {len(found) - compared} resources and outputs, {compared} properties, {sum(not each.right for each in found)} of them differ")
        findings += found
    if untried := set(template["Parameters"]) - set().union(*VARIANTS.values()):
        say(f"with nothing but their defaults: {', '.join(sorted(untried))} (variants.py)")
    return gaps.judge(findings)


if __name__ == "__main__":
    sys.exit(main())
