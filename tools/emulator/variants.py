"""The parameter sets that the template is deployed with: one table for all of them."""

KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"

# Every parameter that can be something else than its default, something else.
# A parameter that is missing here keeps its default.
DRESSED = {
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
    "QuarantineUnscannable": "true",
    "QuarantineRetentionDays": "90",
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
    "fully dressed": DRESSED,
    # vpc and subnets are made beforehand; stack.py puts their names in here
    "own network, nothing watched, nothing reserved": {
        "VpcId": "{vpc}", "SubnetIds": "{subnets}", "AlarmsAndDashboard": "false", "MaxConcurrentScans": "0", "ReadGate": "off"},
}


def values(template, variant):
    """All parameters of the template, as strings: those of the variant, and the defaults of the others.

    A name in the variant that the template does not have is an error, since it would be tested no more.
    """
    parameters = template["Parameters"]
    unknown = set(variant) - set(parameters)
    if unknown:
        raise ValueError(f"the template has no parameter {', '.join(sorted(unknown))}: take it out of variants.py")
    return {name: str(variant.get(name, each.get("Default", ""))) for name, each in parameters.items()}
