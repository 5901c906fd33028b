"""Converts template.yaml to the template that CloudFormation processes.

`sam package` uploads local files to a bucket and writes their URLs into the
template. This does the same without an account. Then CloudFormation's SAM
transform replaces SAM's resources, with the translator that AWS itself runs.
"""

import copy
import json
import logging
import pathlib
import re
import subprocess
import sys
import tempfile

from cfnlint.decode import cfn_yaml
from samtranslator.translator.transform import transform as translate

ARTIFACTS = "artifacts"  # in place of the bucket that `sam deploy --resolve-s3` creates
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/lazaret:placeholder"


def read(path):
    """Reads a template. Encoding it as JSON and back makes a separate value of each use of an anchor."""
    return json.loads(json.dumps(cfn_yaml.load(str(path)), default=str))


def package(template, folder):
    """Imitates `sam package`: returns the template with URLs, and the objects at these URLs."""
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
    """Returns an empty zip archive. moto runs no function."""
    return b"PK\x05\x06" + bytes(18)


class _ManagedPolicies:
    """The list of managed policies. It is empty, because the template names none by its short name."""

    def load(self):
        return {}


def transformed(template_file):
    """Returns the transformed root template and the objects to which it refers, by key."""
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)  # errors are raised
    packaged, objects = package(read(template_file), template_file.parent)
    return json.loads(json.dumps(translate(packaged, {}, _ManagedPolicies()))), objects


# cfn-lint does not know S3's actions on annotations yet.
TOO_NEW = re.compile(r"W3037:'(get|put|delete|replicate)object(version)?annotation(forreplication)?' is not one of")


def lint(template):
    """Returns what cfn-lint finds in a transformed template, one line each."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(template, file)
        file.flush()
        linter = pathlib.Path(sys.executable).with_name("cfn-lint")
        found = subprocess.run(
            [linter, "--format", "parseable", "--", file.name], capture_output=True, text=True, timeout=120, check=False
        )
    lines = [line.replace(file.name, "transformed template") for line in (found.stdout + found.stderr).splitlines()]
    return [line[:300] for line in lines if not TOO_NEW.search(line)]
