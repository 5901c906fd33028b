"""Compares what a service answers with what the template asks for."""

import json
import re


def holds(expected, actual):
    """Returns whether actual contains everything expected. Services add defaults and reorder lists."""
    if isinstance(expected, dict):
        actual = _parsed(actual)
        return isinstance(actual, dict) and all(
            name in actual and holds(each, actual[name]) for name, each in expected.items()
        )
    if isinstance(expected, list):
        actual = [each for each in _parsed(actual) or [] if not _reserved(each)]
        return len(actual) == len(expected) and _paired(expected, actual)
    if isinstance(actual, (dict, list)):  # the template has JSON in a string
        parsed = _parsed(expected)
        return not isinstance(parsed, str) and holds(parsed, actual)
    return _text(expected) == _text(actual)


def _reserved(element):
    """Returns whether the element is a tag that CloudFormation itself adds."""
    return isinstance(element, dict) and str(element.get("Key", "")).startswith("aws:cloudformation:")


def _paired(expected, actual):
    """Returns whether each expected element has an element of its own that contains it."""
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


_NUMBER = re.compile(r"-?\d{1,9}(\.\d+)?")  # an account's twelve digits are no number


def _text(value):
    """Returns one text for values that CloudFormation treats as equal: true and 'true'; 5, 5.0 and '5'."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)) or isinstance(value, str) and _NUMBER.fullmatch(value):
        return str(float(value))
    return value
