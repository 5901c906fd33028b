"""Turns template.yaml into what CloudFormation gets to see.

`sam package` puts local files into a bucket and writes their addresses into the
template, and CloudFormation's SAM transform makes plain resources of it. Both
are done here: the first by hand, since it takes an account otherwise, the
second by the translator that AWS itself runs.
"""

import copy
import json
import logging
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml
from samtranslator.translator.transform import transform as translate

ARTIFACTS = "artifacts"  # the bucket that `sam deploy --resolve-s3` would make
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/lazaret:placeholder"


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms of functions; each use of an anchor becomes a value of its own."""


def _function(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _function)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_str)  # Version: 2012-10-17


def read(path):
    """Reads a template. JSON and back, so that no two places share an object, as anchors make them."""
    return json.loads(json.dumps(yaml.load(path.read_text(), _Loader), default=str))


def package(template, folder):
    """Imitates `sam package`: returns the template with addresses, and the objects to put there."""
    template, objects = copy.deepcopy(template), {}
    for logical_id, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::Serverless::Function" if properties.get("PackageType") == "Image":
                properties["ImageUri"] = IMAGE
            case "AWS::Serverless::Function":
                objects[f"{logical_id}.zip"] = _placeholder_zip()
                properties["CodeUri"] = {"Bucket": ARTIFACTS, "Key": f"{logical_id}.zip"}
            case "AWS::Serverless::StateMachine":
                path = properties["DefinitionUri"]
                objects[path] = (folder / path).read_bytes()
                properties["DefinitionUri"] = {"Bucket": ARTIFACTS, "Key": path}
            case "AWS::Serverless::Application":
                path = properties["Location"]
                objects[path] = json.dumps(read(folder / path)).encode()
                properties["Location"] = f"https://s3.amazonaws.com/{ARTIFACTS}/{path}"
    return template, objects


def _placeholder_zip():
    """An empty zip archive: nothing in the emulator runs it."""
    return b"PK\x05\x06" + bytes(18)


class _ManagedPolicies:
    """Only templates that name managed policies by a short name need the list."""

    def load(self):
        return {}


def transformed(template_file):
    """Returns the transformed root template and the objects it points to, by key."""
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)  # what is wrong is raised
    packaged, objects = package(read(template_file), template_file.parent)
    return json.loads(json.dumps(translate(packaged, {}, _ManagedPolicies()))), objects


# The one thing that cfn-lint does not know yet: S3's actions on annotations.
TOO_NEW = re.compile(r"W3037:'(get|put|delete|replicate)object(version)?annotation(forreplication)?' is not one of")


def lint(template):
    """Returns what cfn-lint finds in a transformed template, one line each."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(template, file)
        file.flush()
        linter = pathlib.Path(sys.executable).with_name("cfn-lint")
        found = subprocess.run([linter, "--format", "parseable", "--", file.name], capture_output=True, text=True, timeout=120, check=False)
    lines = [line.replace(file.name, "transformed template") for line in (found.stdout + found.stderr).splitlines()]
    return [line[:300] for line in lines if not TOO_NEW.search(line)]
