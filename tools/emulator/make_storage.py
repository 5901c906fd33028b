"""Creates buckets, policies, keys and volumes through their services' own APIs (see missing_types.py)."""

import json

from services import client

from letter_case import lower


def bucket(p, name):
    s3, name = client("s3"), p.get("BucketName", name)
    s3.create_bucket(Bucket=name)
    settings = {
        "VersioningConfiguration": s3.put_bucket_versioning,
        "PublicAccessBlockConfiguration": s3.put_public_access_block,
        "OwnershipControls": s3.put_bucket_ownership_controls,
    }
    for setting in settings.keys() & p.keys():
        settings[setting](Bucket=name, **{setting: p[setting]})
    if "BucketEncryption" in p:
        names = {
            "ApplyServerSideEncryptionByDefault": "ServerSideEncryptionByDefault",
            "BucketKeyEnabled": "BucketKeyEnabled",
        }
        rules = [
            {api: rule[template] for api, template in names.items() if template in rule}
            for rule in p["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        ]
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    if "LifecycleConfiguration" in p:
        rules = [_lifecycle(rule) for rule in p["LifecycleConfiguration"]["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    if "NotificationConfiguration" in p:
        s3.put_bucket_notification_configuration(
            Bucket=name,
            NotificationConfiguration={
                "QueueConfigurations": [
                    _notification(each) for each in p["NotificationConfiguration"]["QueueConfigurations"]
                ]
            },
        )
    return name, {"Arn": f"arn:aws:s3:::{name}"}


def _lifecycle(rule):
    made = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "ExpirationInDays" in rule:
        made["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    kept = ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
    return made | {name: rule[name] for name in kept if name in rule}


def _notification(each):
    made = {"QueueArn": each["Queue"], "Events": [each["Event"]]}
    if "Filter" in each:
        made["Filter"] = {"Key": {"FilterRules": each["Filter"]["S3Key"]["Rules"]}}
    return made


def bucket_policy(p, _):
    client("s3").put_bucket_policy(Bucket=p["Bucket"], Policy=json.dumps(p["PolicyDocument"]))
    return p["Bucket"], {}


def queue_policy(p, _):
    for url in p["Queues"]:
        client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(p["PolicyDocument"])})
    return p["Queues"][0], {}


def topic_policy(p, _):
    for arn in p["Topics"]:
        client("sns").set_topic_attributes(
            TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(p["PolicyDocument"])
        )
    return p["Topics"][0], {}


def subscription(p, _):
    return client("sns").subscribe(**p, ReturnSubscriptionArn=True)["SubscriptionArn"], {}


def key(p, _):
    kms = client("kms")
    made = kms.create_key(Description=p["Description"], Policy=json.dumps(p["KeyPolicy"]))["KeyMetadata"]
    if p.get("EnableKeyRotation"):
        kms.enable_key_rotation(KeyId=made["KeyId"])
    return made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]}


def access_point(p, _):
    made = client("efs").create_access_point(**_numbers(p))
    return made["AccessPointId"], {"Arn": made["AccessPointArn"], "AccessPointId": made["AccessPointId"]}


def _numbers(value):
    """Converts user and group ids, which are strings in templates and numbers in EFS."""
    if isinstance(value, dict):
        return {
            name: _ids(each) if name.endswith(("Uid", "Gid", "Gids")) else _numbers(each)
            for name, each in value.items()
        }
    return value


def _ids(value):
    return [int(each) for each in value] if isinstance(value, list) else int(value)


def log_group(p, _):
    logs, name = client("logs"), p["LogGroupName"]
    logs.create_log_group(logGroupName=name, **({"kmsKeyId": p["KmsKeyId"]} if "KmsKeyId" in p else {}))
    logs.put_retention_policy(logGroupName=name, retentionInDays=int(p["RetentionInDays"]))
    groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    arn = next(each["arn"] for each in groups if each["logGroupName"] == name)
    return name, {"Arn": arn.removesuffix(":*") + ":*"}


def log_stream(p, _):
    client("logs").create_log_stream(**lower(p))
    return p["LogStreamName"], {}


def subscription_filter(p, name):
    client("logs").put_subscription_filter(**lower({"FilterName": name, **p}))
    return p.get("FilterName", name), {}


def delivery_stream(p, _):
    arn = client("firehose").create_delivery_stream(**p)["DeliveryStreamARN"]
    return p["DeliveryStreamName"], {"Arn": arn}


def alarm(p, _):
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(**{name: float(value) if name == "Threshold" else value for name, value in p.items()})
    made = cloudwatch.describe_alarms(AlarmNames=[p["AlarmName"]])["MetricAlarms"][0]
    return p["AlarmName"], {"Arn": made["AlarmArn"]}


MAKERS = {
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::EFS::AccessPoint": access_point,
    "AWS::KMS::Key": key,
    "AWS::KinesisFirehose::DeliveryStream": delivery_stream,
    "AWS::Logs::LogGroup": log_group,
    "AWS::Logs::LogStream": log_stream,
    "AWS::Logs::SubscriptionFilter": subscription_filter,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::QueuePolicy": queue_policy,
}
