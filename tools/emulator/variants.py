"""The sets of parameters with which the template is deployed."""

KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"

# Another value than the default for every parameter that has another valid value.
ALL_CHANGED = {
    "BucketLayout": "three-bucket",
    "KeyPrefix": "incoming/",
    "ExistingBuckets": "photos,letters",
    "UploadsKeyArn": KEY,
    "ExistingBucketKeyArns": KEY.replace("1111", "6666"),
    "ReadGate": "not-infected",
    "TrustedReaderArns": "arn:aws:iam::000000000000:role/first,arn:aws:iam::000000000000:role/second",
    "QuarantineReaderArn": "arn:aws:iam::000000000000:role/analyst",
    "AllowCopyInto": "true",
    "UploaderArns": "arn:aws:iam::111122223333:role/sender,arn:aws:iam::444455556666:root",
    "ReaderArns": "arn:aws:iam::111122223333:role/reader",
    "CloudFrontDistributionArns": "arn:aws:cloudfront::000000000000:distribution/E1ABCDEF234567",
    "AvailabilityZones": "us-east-1c,us-east-1b",
    "VerifierArns": "arn:aws:iam::000000000000:role/verifier",
    "AnnounceClean": "true",
    "GuardDutyEvents": "true",
    "GuardDutyTag": "true",
    "CanarySchedule": "rate(1 day)",
    "QuarantineUnscannable": "true",
    "NewSignatureLimit": "50",
    "ReconcileSchedule": "rate(1 day)",
    "RetroScanSchedule": "rate(1 day)",
    "RetroScanBudget": "500",
    "QuarantineRetentionDays": "90",
    "Workflow": "EXPRESS",
    "MaxConcurrentScans": "7",
    "ScanMemory": "4096",
    "FreshclamSchedule": "rate(2 hours)",
    "DatabaseMirror": "https://mirror.example.com",
    "CustomSignatures": "s3://signatures/own",
    "MaxDefinitionsAge": "72",
    "AlertEmail": "someone@example.com",
    "LogRetentionDays": "90",
    "DatadogApiKeySecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:datadog-AbCdEf",
    "DatadogSite": "eu",
}

VARIANTS = {
    "default": {},
    "three buckets": {"BucketLayout": "three-bucket"},
    "every parameter changed": ALL_CHANGED,
    # stack.py creates the VPC and the subnets first and inserts their ids
    "own network, nothing watched, nothing reserved": {
        "VpcId": "{vpc}",
        "SubnetIds": "{subnets}",
        "AlarmsAndDashboard": "false",
        "MaxConcurrentScans": "0",
        "ReadGate": "off",
        "CanarySchedule": "off",
    },
}


def values(template, variant):
    """Returns all parameters of the template as strings: the values of the variant, and defaults for the others.

    A name that the template does not have is an error, because the variant would test nothing.
    """
    parameters = template["Parameters"]
    unknown = set(variant) - set(parameters)
    if unknown:
        raise ValueError(f"the template has no parameter {', '.join(sorted(unknown))}: take it out of variants.py")
    return {name: str(variant.get(name, each.get("Default", ""))) for name, each in parameters.items()}
