"""Uploads to a running local stack with clients that people use, and reads back what arrived.

    python run.py ENDPOINT FOLDER [CLIENT ...]

FOLDER holds the clients that `make clients` installed. Each way of uploading writes a line: what the object's verdict
became, whether its bytes and its metadata are those that were sent. The exit code is 1 when one of them is not.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET = "lazaret-uploads-000000000000-us-east-1"
HERE = pathlib.Path(__file__).resolve().parent

# Each client is a command that takes the environment of `environment` and writes objects named <client>/<way>.
# Metadata is sent where the client can: the header's name has capitals, because S3 keeps names in lower case.
CLIENTS = {
    "boto3": [sys.executable, str(HERE / "client_boto3.py")],
    "awscli": ["bash", str(HERE / "client_awscli.sh")],
    "s3cmd": ["bash", str(HERE / "client_s3cmd.sh")],
    "rclone": ["bash", str(HERE / "client_rclone.sh")],
    "s5cmd": ["bash", str(HERE / "client_s5cmd.sh")],
    "minio-go": ["minio-go"],
    "js": ["node", "client.mjs"],
    "java": ["mvn", "--quiet", "--batch-mode", "exec:java"],
}
WAYS = ("single", "multipart", "presigned", "form")
SIZES = {"single": 10_000, "multipart": 12_000_000, "presigned": 20_000, "form": 30_000}


def environment(endpoint: str, folder: pathlib.Path, client: str) -> dict[str, str]:
    return os.environ | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "ENDPOINT": endpoint,
        "BUCKET": BUCKET,
        "CLIENT": client,
        "FILES": str(folder / "files"),
        "PATH": f"{folder / 'bin'}:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def write_files(folder: pathlib.Path) -> None:
    """Writes one file for each way: text that no compression helps and no signature matches."""
    folder.mkdir(parents=True, exist_ok=True)
    for way, size in SIZES.items():
        block = b"".join(hashlib.sha256(f"{way} {n}".encode()).hexdigest().encode() for n in range(size // 64 + 1))
        (folder / way).write_bytes(block[:size])


def verdict(s3, key: str) -> str:
    """Waits at most a minute for the verdict of the key's newest version."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        tags = {t["Key"]: t["Value"] for t in s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]}
        if "scan-status" in tags:
            return tags["scan-status"]
        time.sleep(0.2)
    return "none after a minute"


def look(s3, key: str, want: bytes) -> list[str]:
    """Returns what is wrong with the object; nothing when it is as it was sent."""
    try:
        got = verdict(s3, key)
        if got != "CLEAN":
            return [f"verdict {got}"]
        answer = s3.get_object(Bucket=BUCKET, Key=key)
        body = answer["Body"].read()
    except ClientError as e:
        return [f"{e.operation_name}: {e.response['Error']['Code']}"]
    wrong = []
    if body != want:
        wrong.append(f"{len(body)} bytes that are not the {len(want)} sent")
    if answer["Metadata"] not in ({}, {"author-name": "Anna"}) and "author-name" not in answer["Metadata"]:
        wrong.append(f"metadata {answer['Metadata']}")
    if answer.get("ContentEncoding"):
        wrong.append(f"content encoding {answer['ContentEncoding']}")
    return wrong


def main() -> int:
    endpoint, folder = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    write_files(folder / "files")
    s3 = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    faults = 0
    for client in sys.argv[3:] or CLIENTS:
        workdir = folder / client if (folder / client).is_dir() else folder
        done = subprocess.run(
            CLIENTS[client],
            env=environment(endpoint, folder, client),
            cwd=workdir,
            timeout=300,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = done.stdout.strip().splitlines()
        if done.returncode != 0:
            faults += 1
            print(f"{client:9} exit code {done.returncode}: {lines[-1] if lines else ''}", flush=True)
        for way in WAYS:
            if f"{way}: not offered" in done.stdout:  # Maven colours it
                print(f"{client:9} {way:9} not offered by the client", flush=True)
                continue
            wrong = look(s3, f"{client}/{way}", (folder / "files" / way).read_bytes())
            faults += bool(wrong)
            print(f"{client:9} {way:9} {'; '.join(wrong) or 'as sent'}", flush=True)
    return min(faults, 1)


if __name__ == "__main__":
    sys.exit(main())
