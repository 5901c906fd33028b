"""Converts names between templates, which capitalize them, and APIs that begin them with a small letter."""


def lower(value):
    return _spelled(value, str.lower)


def upper(value):
    return _spelled(value, str.upper)


def _spelled(value, first):
    if isinstance(value, dict):
        return {first(name[0]) + name[1:]: _spelled(each, first) for name, each in value.items()}
    return [_spelled(each, first) for each in value] if isinstance(value, list) else value
