"""Uploads with boto3: put_object, the transfer manager, a presigned PUT and a presigned POST form."""

import os
import pathlib

import boto3
import requests
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

bucket, files = os.environ["BUCKET"], pathlib.Path(os.environ["FILES"])
s3 = boto3.client(
    "s3", endpoint_url=os.environ["ENDPOINT"], config=Config(signature_version="s3v4", s3={"addressing_style": "path"})
)
metadata = {"Author-Name": "Anna"}
s3.put_object(Bucket=bucket, Key="boto3/single", Body=(files / "single").read_bytes(), Metadata=metadata)
s3.upload_file(
    str(files / "multipart"),
    bucket,
    "boto3/multipart",
    ExtraArgs={"Metadata": metadata},
    Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20),
)
url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "boto3/presigned"})
requests.put(url, data=(files / "presigned").read_bytes(), timeout=60).raise_for_status()
form = s3.generate_presigned_post(
    bucket,
    "boto3/${filename}",
    Fields={"x-amz-meta-author-name": "Anna"},
    Conditions=[{"x-amz-meta-author-name": "Anna"}],
)
requests.post(
    form["url"], data=form["fields"], files={"file": ("form", (files / "form").read_bytes())}, timeout=60
).raise_for_status()
