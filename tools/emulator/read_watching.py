"""Reads logs, alarms, the dashboard and delivery streams, with the property names of templates."""

from services import answer_or_none, client
from letter_case import upper


def _named(found, key, name):
    return next((each for each in found or [] if each[key] == name), None)


def log_group(name):
    found = answer_or_none(client("logs").describe_log_groups, "logGroups", logGroupNamePrefix=name)
    return upper(_named(found, "logGroupName", name))


def log_stream(expected):
    group, name = expected["LogGroupName"], expected["LogStreamName"]
    found = answer_or_none(
        client("logs").describe_log_streams, "logStreams", logGroupName=group, logStreamNamePrefix=name
    )
    read = _named(found, "logStreamName", name)
    return read and {**upper(read), "LogGroupName": group}


def subscription_filter(expected):
    found = answer_or_none(
        client("logs").describe_subscription_filters, "subscriptionFilters", logGroupName=expected["LogGroupName"]
    )
    return upper(found[0]) if found else None


def alarm(name):
    found = answer_or_none(client("cloudwatch").describe_alarms, "MetricAlarms", AlarmNames=[name])
    return found[0] if found else None


def dashboard(name):
    return answer_or_none(client("cloudwatch").get_dashboard, DashboardName=name)


def delivery_stream(name):
    read = answer_or_none(
        client("firehose").describe_delivery_stream, "DeliveryStreamDescription", DeliveryStreamName=name
    )
    if not read:
        return None
    destination = read["Destinations"][0]["HttpEndpointDestinationDescription"]
    return {
        **read,
        "DeliveryStreamEncryptionConfigurationInput": read.get("DeliveryStreamEncryptionConfiguration"),
        "HttpEndpointDestinationConfiguration": {
            **destination,
            "S3Configuration": destination.get("S3DestinationDescription"),
        },
    }


READERS = {
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::Dashboard": dashboard,
    "AWS::KinesisFirehose::DeliveryStream": delivery_stream,
    "AWS::Logs::LogGroup": log_group,
}

FOUND = {
    "AWS::Logs::LogStream": log_stream,
    "AWS::Logs::SubscriptionFilter": subscription_filter,
}
