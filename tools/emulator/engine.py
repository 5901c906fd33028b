"""moto's engine for state machines, with its tasks on the local stack."""

import contextlib

import boto3
import moto.stepfunctions.parser.asl.component.state.exec.state_task.lambda_eval_utils as lambda_calls
from botocore.config import Config

# Longer than any task of these cases; Step Functions retries, so the client does not.
_CALLS = Config(read_timeout=120, retries={"max_attempts": 0})


def of_local_stack(service, endpoint, config=None):
    """A client of the local stack, as the person at the keyboard: moto puts another key into the environment."""
    return boto3.client(service, endpoint_url=endpoint, config=config, aws_access_key_id="test", aws_secret_access_key="test")


@contextlib.contextmanager
def tasks_on(endpoint):
    """Has moto invoke functions at this endpoint, until the end of the with statement."""
    functions, original = of_local_stack("lambda", endpoint, _CALLS), lambda_calls.boto_client_for
    lambda_calls.boto_client_for = lambda **_: functions
    try:
        yield
    finally:
        lambda_calls.boto_client_for = original
