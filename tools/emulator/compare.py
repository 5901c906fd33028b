"""Whether what a service answers holds what the template asks for."""

import json
import re


def holds(expected, actual):
    """True if everything that is expected is there. A service may add its defaults, and order lists as it likes."""
    if isinstance(expected, dict):
        actual = _parsed(actual)
        return isinstance(actual, dict) and all(name in actual and holds(each, actual[name]) for name, each in expected.items())
    if isinstance(expected, list):
        actual = [each for each in _parsed(actual) or [] if not _reserved(each)]
        return len(actual) == len(expected) and _paired(expected, actual)
    if isinstance(actual, (dict, list)):  # the template has JSON in a string
        parsed = _parsed(expected)
        return not isinstance(parsed, str) and holds(parsed, actual)
    return _text(expected) == _text(actual)


def _reserved(element):
    """Tags that CloudFormation itself gives."""
    return isinstance(element, dict) and str(element.get("Key", "")).startswith("aws:cloudformation:")


def _paired(expected, actual):
    """Whether each expected element has one of its own that holds it."""
    for each in expected:
        for i, other in enumerate(actual):
            if holds(each, other):
                del actual[i]
                break
        else:
            return False
    return True


def _parsed(value):
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


_NUMBER = re.compile(r"-?\d{1,9}(\.\d+)?")  # an account's twelve digits are none


def _text(value):
    """true and 'true' are the same to CloudFormation, as are 5, 5.0 and '5'."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)) or isinstance(value, str) and _NUMBER.fullmatch(value):
        return str(float(value))
    return value
