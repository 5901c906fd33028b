"""Reads every resource from its service and compares it with the template.

Every resource whose condition is true must exist, and none whose condition is
false. Each property must have the value of the template. gaps.py decides which
differences are moto's and not the template's.
"""

from dataclasses import dataclass, replace

from services import client

import read_compute
import read_network
import read_storage
import read_watching
from compare import holds
from gaps import FORGIVEN
from make_compute import definition
from resolve import Resolver

READERS = {**read_compute.READERS, **read_network.READERS, **read_storage.READERS, **read_watching.READERS}
FOUND = {**read_compute.FOUND, **read_network.FOUND, **read_watching.FOUND}


@dataclass(frozen=True)
class Finding:
    """One comparison: of a property or, if property is "", of whether a resource exists."""

    where: str  # the resource, for people
    kind: str
    property: str
    right: bool
    detail: str = ""

    @property
    def row(self):
        """The name in the table of gaps: Type or Type.Property."""
        return f"{self.kind}.{self.property}" if self.property else self.kind


def inspect(stacks):
    """Returns all comparisons of these stacks."""
    nested = {stack.name: stack.outputs for stack in stacks}
    findings, passed_on = [], {}
    for stack in stacks:  # parents first
        stack.parameters = passed_on.get(stack.name, stack.parameters)
        resolver = Resolver(stack, nested)
        passed_on.update(_passed_on(stack, resolver))
        for logical_id, resource in stack.template["Resources"].items():
            findings += _resource(stack, resolver, logical_id, resource)
        findings += _outputs(stack, resolver)
    return findings


def _passed_on(stack, resolver):
    """Returns the parameters that a stack passes to each nested stack, by the nested stack's name."""
    return {
        stack.physical[logical_id]: {
            name: str(value) for name, value in resolver.value(resource["Properties"].get("Parameters", {})).items()
        }
        for logical_id, resource in stack.template["Resources"].items()
        if resource["Type"] == "AWS::CloudFormation::Stack" and logical_id in stack.physical
    }


def _resource(stack, resolver, logical_id, resource):
    where, kind = f"{stack.name}/{logical_id}", resource["Type"]
    exists = logical_id in stack.physical
    if not resolver.exists(resource):
        return [Finding(where, kind, "", not exists, "exists although its condition is false")]
    if not exists:
        return [Finding(where, kind, "", False, "was not created")]
    expected = resolver.value(resource.get("Properties", {}))
    try:
        actual = _read(kind, stack.physical[logical_id], expected)
    except Exception as error:  # noqa: BLE001  (any error means that it cannot be read)
        return [Finding(where, kind, "", False, f"cannot be read: {error!r}")]
    if not actual:
        return [Finding(where, kind, "", False, "the service does not have it")]
    if kind == "AWS::StepFunctions::StateMachine":
        expected["Definition"] = definition(
            expected.pop("DefinitionS3Location"), expected.pop("DefinitionSubstitutions")
        )
    return [Finding(where, kind, "", True)] + [
        each for name, value in expected.items() for each in _compared(where, kind, name, value, actual.get(name))
    ]


def _compared(where, kind, name, expected, actual):
    found = Finding(where, kind, name, holds(expected, actual), f"got {actual!r}, want {expected!r}")
    yield found
    if not found.right and actual and found.row in FORGIVEN:
        spared = FORGIVEN[found.row]
        yield replace(found, property=f"{name} otherwise", right=holds(spared(expected), spared(actual)))


def _read(kind, physical_id, expected):
    if kind == "AWS::CloudFormation::Stack":
        return _nested(physical_id)
    if kind in FOUND:
        return FOUND[kind](expected)
    if kind in READERS:
        return READERS[kind](physical_id)
    raise NotImplementedError(f"nothing reads {kind}: add it to the readers (read_*.py)")


def _nested(name):
    stack = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}
    return {"Parameters": parameters, "Tags": stack.get("Tags")}


def _outputs(stack, resolver):
    for name, output in stack.template.get("Outputs", {}).items():
        where = f"{stack.name}/Outputs/{name}"
        if not resolver.exists(output):
            yield Finding(where, "Output", "", name not in stack.outputs, "exists although its condition is false")
        else:
            expected, actual = resolver.value(output["Value"]), stack.outputs.get(name)
            right = actual is not None and holds(expected, actual)
            yield Finding(where, "Output", "", right, f"got {actual!r}, want {expected!r}")
