"""Tests without AWS that template.yaml can be deployed and that the deployed state machine works.

    .tools/emulator/bin/python tools/emulator/deploy.py

It transforms the template as AWS does, lints the result, creates it as a stack
in moto's CloudFormation with several sets of parameters, and reads each
resource from its service. Then moto's engine runs the deployed state machine,
with its tasks on `lazaret local` (after `make build`). It uses loopback only.
The exit code is 0 if everything is as the template says.
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

import consumers  # noqa: E402
import execute  # noqa: E402
import gaps  # noqa: E402
import intrinsics  # noqa: E402
import missing_types  # noqa: E402
import resources  # noqa: E402
import transform  # noqa: E402
from variants import ALL_CHANGED, VARIANTS  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "--template", type=pathlib.Path, default=ROOT / "template.yaml", help="paths in it are relative to its folder"
    )
    arguments.add_argument("--gaps", action="store_true", help="print the table of what moto cannot do, and end")
    chosen = arguments.parse_args()
    if chosen.gaps:
        print(*map(gaps.line, gaps.table()), sep="\n")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that every with statement ends
    loopback.only()
    logging.getLogger("moto").setLevel(logging.CRITICAL)  # gaps.py lists what moto does not support
    errors = check(chosen.template.resolve())
    for error in errors:
        print("ERROR", error[:2000], file=sys.stderr)
    print(f"{len(errors)} errors" if errors else "everything is as the template says")
    return 1 if errors else 0


def check(template_file):
    """Runs every test and returns the errors."""
    began = time.monotonic()

    def say(what):
        print(f"{time.monotonic() - began:5.1f} s  {what}", flush=True)

    template, objects = transform.transformed(template_file)
    nested = sum(key.endswith(".yaml") for key in objects)
    say(f"transformed: {len(template['Resources'])} resources, and {nested} nested templates")
    errors = transform.lint(template)
    say(f"linted: {len(errors)} findings")
    errors += [f"moto can do {each} now: take it out of gaps.py" for each in gaps.learned()]
    errors += gaps.undocumented((ROOT / "docs" / "emulator.md").read_text())
    wrong, tried = consumers.check(ROOT)
    errors += wrong
    say(f"replayed: {tried} event patterns of public rules, {len(wrong)} of them wrong")
    with intrinsics.repaired():
        errors += unaided(template, objects, say)
        missing_types.register()
        errors += deploy(template, objects, say)
        errors += execute.check(template, objects, template_file, say)
    for kind, name, why in gaps.table():
        print(f"         {kind}: {name}{': ' + why if why else ''}")
    return errors


def unaided(template, objects, say):
    """Creates the stack with moto's own code for the types of gaps.POOR_TYPE. It must differ from the template."""
    missing_types.register(but=gaps.POOR_TYPE)
    with stack.emulator():
        found = resources.inspect(stack.create(template, objects, ALL_CHANGED))
    say(f"created, with moto's own types: {sum(not each.right for each in found)} differences")
    return gaps.still_poor(found)


def deploy(template, objects, say):
    """Creates and inspects the stack with each set of parameters."""
    findings = []
    for name, variant in VARIANTS.items():
        with stack.emulator():
            found = resources.inspect(stack.create(template, objects, variant))
        compared = sum(each.property != "" for each in found)
        differ = sum(not each.right for each in found)
        say(
            f"created, {name}: {len(found) - compared} resources and outputs, "
            f"{compared} properties, {differ} of them differ"
        )
        findings += found
    if untried := set(template["Parameters"]) - set().union(*VARIANTS.values()):
        say(f"tested with their defaults only: {', '.join(sorted(untried))} (variants.py)")
    return gaps.judge(findings)


if __name__ == "__main__":
    sys.exit(main())
