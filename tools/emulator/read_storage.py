"""Reads buckets, queues, topics, keys and volumes, with the property names of templates."""

from services import answer_or_none, client


def bucket(name):
    s3 = client("s3")
    if answer_or_none(s3.head_bucket, Bucket=name) is None:
        return None
    encryption = answer_or_none(s3.get_bucket_encryption, "ServerSideEncryptionConfiguration", Bucket=name) or {
        "Rules": []
    }
    return {
        "BucketName": name,
        "VersioningConfiguration": answer_or_none(s3.get_bucket_versioning, Bucket=name),
        "PublicAccessBlockConfiguration": answer_or_none(
            s3.get_public_access_block, "PublicAccessBlockConfiguration", Bucket=name
        ),
        "OwnershipControls": answer_or_none(s3.get_bucket_ownership_controls, "OwnershipControls", Bucket=name),
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"],
                    "BucketKeyEnabled": rule.get("BucketKeyEnabled"),
                }
                for rule in encryption["Rules"]
            ]
        },
        "LifecycleConfiguration": {
            "Rules": [
                {
                    **rule,
                    "Id": rule["ID"],
                    "Prefix": rule.get("Filter", {}).get("Prefix"),
                    "ExpirationInDays": rule.get("Expiration", {}).get("Days"),
                }
                for rule in answer_or_none(s3.get_bucket_lifecycle_configuration, "Rules", Bucket=name) or []
            ]
        },
        "NotificationConfiguration": {
            "QueueConfigurations": [
                _notification(event, each)
                for each in answer_or_none(s3.get_bucket_notification_configuration, "QueueConfigurations", Bucket=name)
                or []
                for event in each["Events"]
            ]
        },
    }


def _notification(event, configuration):
    read = {"Event": event, "Queue": configuration["QueueArn"]}
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules")
    if rules:
        read["Filter"] = {"S3Key": {"Rules": [{**rule, "Name": rule["Name"].lower()} for rule in rules]}}
    return read


def bucket_policy(name):
    policy = answer_or_none(client("s3").get_bucket_policy, "Policy", Bucket=name)
    return policy and {"Bucket": name, "PolicyDocument": policy}


def queue(url):
    attributes = answer_or_none(client("sqs").get_queue_attributes, "Attributes", QueueUrl=url, AttributeNames=["All"])
    return attributes and {**attributes, "QueueName": attributes["QueueArn"].rsplit(":", 1)[1]}


def queue_policy(url):
    read = queue(url)
    return read and "Policy" in read and {"Queues": [url], "PolicyDocument": read["Policy"]}


def topic(arn):
    attributes = answer_or_none(client("sns").get_topic_attributes, "Attributes", TopicArn=arn)
    return attributes and {**attributes, "TopicName": arn.rsplit(":", 1)[1]}


def topic_policy(arn):
    read = topic(arn)
    return read and "Policy" in read and {"Topics": [arn], "PolicyDocument": read["Policy"]}


def subscription(arn):
    return answer_or_none(client("sns").get_subscription_attributes, "Attributes", SubscriptionArn=arn)


def key(key_id):
    kms = client("kms")
    read = answer_or_none(kms.describe_key, "KeyMetadata", KeyId=key_id)
    return read and {
        "Description": read["Description"],
        "EnableKeyRotation": kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"],
        "KeyPolicy": kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"],
    }


def file_system(file_system_id):
    efs = client("efs")
    found = answer_or_none(efs.describe_file_systems, "FileSystems", FileSystemId=file_system_id)
    return found and {
        **found[0],
        "FileSystemTags": found[0].get("Tags"),
        "BackupPolicy": answer_or_none(efs.describe_backup_policy, "BackupPolicy", FileSystemId=file_system_id),
        "FileSystemPolicy": answer_or_none(efs.describe_file_system_policy, "Policy", FileSystemId=file_system_id),
        "LifecyclePolicies": answer_or_none(
            efs.describe_lifecycle_configuration, "LifecyclePolicies", FileSystemId=file_system_id
        ),
    }


def access_point(access_point_id):
    found = answer_or_none(client("efs").describe_access_points, "AccessPoints", AccessPointId=access_point_id)
    return found and found[0]


def mount_target(mount_target_id):
    efs = client("efs")
    found = answer_or_none(efs.describe_mount_targets, "MountTargets", MountTargetId=mount_target_id)
    groups = answer_or_none(efs.describe_mount_target_security_groups, "SecurityGroups", MountTargetId=mount_target_id)
    return found and {**found[0], "SecurityGroups": groups}


READERS = {
    "AWS::EFS::AccessPoint": access_point,
    "AWS::EFS::FileSystem": file_system,
    "AWS::EFS::MountTarget": mount_target,
    "AWS::KMS::Key": key,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::Topic": topic,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::Queue": queue,
    "AWS::SQS::QueuePolicy": queue_policy,
}
