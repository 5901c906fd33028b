"""Clients of the services, and requests whose answer may be that a resource does not exist."""

import functools

import boto3
from botocore.exceptions import ClientError


client = functools.cache(boto3.client)  # a client takes longer to create than a request


def answer_or_none(call, key=None, **arguments):
    """Returns the answer of the call, or its value of key. None if the service has no such resource."""
    try:
        answer = call(**arguments)
    except ClientError:
        return None
    return answer if key is None else answer.get(key)


def tags(pairs):
    """Returns a mapping of tags in the form of templates."""
    return [{"Key": key, "Value": value} for key, value in (pairs or {}).items()]
