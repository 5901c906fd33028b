"""Asking services, where the answer may be that there is nothing."""

import functools

import boto3
from botocore.exceptions import ClientError


client = functools.cache(boto3.client)  # making one takes longer than asking it


def asked(call, key=None, **arguments):
    """What the call answers under that key, or None where the service refuses: it has nothing of the kind."""
    try:
        answer = call(**arguments)
    except ClientError:
        return None
    return answer if key is None else answer.get(key)


def tags(pairs):
    """Tags as templates spell them, from a mapping."""
    return [{"Key": key, "Value": value} for key, value in (pairs or {}).items()]
