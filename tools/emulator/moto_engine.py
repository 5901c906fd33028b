"""Runs the tasks of moto's Step Functions on the local stack."""

import contextlib

import boto3
import moto.stepfunctions.parser.asl.component.state.exec.state_task.lambda_eval_utils as lambda_calls
from botocore.config import Config

# The timeout is longer than any task of the cases. Step Functions retries, so the client does not.
_CALLS = Config(read_timeout=120, retries={"max_attempts": 0})


def local_client(service, endpoint, config=None):
    """Returns a client of the local stack with the user's access key. moto sets another one in the environment."""
    return boto3.client(
        service, endpoint_url=endpoint, config=config, aws_access_key_id="test", aws_secret_access_key="test"
    )


@contextlib.contextmanager
def tasks_on(endpoint):
    """Makes moto invoke functions at this endpoint, until the end of the with statement."""
    functions, original = local_client("lambda", endpoint, _CALLS), lambda_calls.boto_client_for
    lambda_calls.boto_client_for = lambda **_: functions
    try:
        yield
    finally:
        lambda_calls.boto_client_for = original
