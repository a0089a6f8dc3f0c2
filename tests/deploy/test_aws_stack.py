"""The CloudFormation template on moto: its resources, and whether policies suffice."""

import ast
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import boto3
import pytest

from loaders import aws, aws_secrets, s3
from tests.deploy import stack
from tests.deploy.stack import ARCHIVE, RAW, Stack, actions, allows

# The IAM action of each operation. Parts of an upload need the right to write.
ACTIONS = {
    "ListObjectsV2": "s3:ListBucket",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjects": "s3:DeleteObject",
    "GetSecretValue": "secretsmanager:GetSecretValue",
    "GetParameter": "ssm:GetParameter",
}
# s3transfer aborts an upload that fails.
ABORT = ("s3:AbortMultipartUpload", f"arn:aws:s3:::{ARCHIVE}/archive/x")
LOG_INS = {
    "serverless": ("redshift-serverless:GetCredentials", stack.WORKGROUP),
    "provisioned": (
        "redshift:GetClusterCredentialsWithIAM",
        f"arn:aws:redshift:{stack.REGION}:{stack.ACCOUNT}:dbname:nightshift-prod/analytics",
    ),
}
# What COPY and UNLOAD do, by the Redshift documentation.
COPY_CALLS = [
    ("s3:GetObject", f"arn:aws:s3:::{RAW}/raw/orgs/dt=2026-11-24/part-0.gz"),
    ("s3:GetObject", f"arn:aws:s3:::{ARCHIVE}/archive/_nightshift/manifests/m.json"),
    ("s3:PutObject", f"arn:aws:s3:::{ARCHIVE}/archive/prod/v1/org_day/dt=D/0.parquet"),
    ("s3:AbortMultipartUpload", f"arn:aws:s3:::{ARCHIVE}/archive/prod/v1/x.parquet"),
    ("s3:ListBucket", f"arn:aws:s3:::{RAW}"),
    ("s3:ListBucket", f"arn:aws:s3:::{ARCHIVE}"),
    ("s3:GetBucketLocation", f"arn:aws:s3:::{RAW}"),
    ("s3:GetBucketLocation", f"arn:aws:s3:::{ARCHIVE}"),
]
OTHER_SECRET = f"arn:aws:secretsmanager:{stack.REGION}:{stack.ACCOUNT}:secret:other/x"
FORBIDDEN = [
    ("runner", "s3:PutObject", f"arn:aws:s3:::{RAW}/raw/orgs/x"),
    ("runner", "s3:DeleteObject", f"arn:aws:s3:::{RAW}/raw/orgs/x"),
    ("runner", "s3:GetObject", f"arn:aws:s3:::{RAW}/private/x"),
    ("runner", "s3:PutObject", f"arn:aws:s3:::{ARCHIVE}/other/x"),
    ("runner", "s3:ListBucket", "arn:aws:s3:::another-bucket"),
    ("runner", "s3:DeleteBucket", f"arn:aws:s3:::{ARCHIVE}"),
    ("runner", "s3:PutBucketPolicy", f"arn:aws:s3:::{ARCHIVE}"),
    ("runner", "secretsmanager:GetSecretValue", OTHER_SECRET),
    ("runner", "iam:PassRole", f"arn:aws:iam::{stack.ACCOUNT}:role/any"),
    ("runner", "redshift-serverless:DeleteWorkgroup", stack.WORKGROUP),
    ("copy", "s3:DeleteObject", f"arn:aws:s3:::{ARCHIVE}/archive/x"),
    ("copy", "s3:PutObject", f"arn:aws:s3:::{RAW}/raw/x"),
    ("copy", "s3:GetObject", f"arn:aws:s3:::{RAW}/private/x"),
    ("copy", "secretsmanager:GetSecretValue", OTHER_SECRET),
]
# What moto makes of the template. cfn-lint checks the rest (`make lint`).
MADE = {
    "RawBucket",
    "ArchiveBucket",
    "CopyRole",
    "RunnerRole",
    "RunnerInstanceProfile",
    "AlarmTopic",
}
MADE_OF = {
    "serverless": {"LimitFunction", "LimitRole"},
    "provisioned": {"Cluster", "ClusterSubnetGroup", "ClusterParameterGroup"},
}


@pytest.fixture(scope="module", params=["serverless", "provisioned"])
def warehouse(request: pytest.FixtureRequest) -> str:
    """Return the parameter Warehouse."""
    return str(request.param)


@pytest.fixture(scope="module")
def made(warehouse: str) -> Iterator[Stack]:
    """Create the stack with this kind of warehouse, and delete it afterwards."""
    variables = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        with stack.created(warehouse) as created:
            yield created


def test_moto_makes_these_resources(made: Stack, warehouse: str) -> None:
    assert set(made.resources) == MADE | MADE_OF[warehouse]
    declared = {
        name: resource
        for name, resource in stack.declared().items()
        if resource.get("Condition") != _OPPOSITE[warehouse]
    }
    assert set(made.resources) <= set(declared)
    assert made.outputs["RawUrl"] == f"s3://{RAW}/raw"
    assert made.outputs["ArchiveUrl"] == f"s3://{ARCHIVE}/archive"
    assert made.outputs["CopyRoleArn"].endswith(":role/nightshift-prod-copy")
    assert made.outputs["DatabaseUser"] == "IAMR:nightshift-prod-runner"


def test_buckets_are_private_encrypted_and_outlive_the_stack(made: Stack) -> None:
    assert made
    client = boto3.client("s3", stack.REGION)
    template = stack.declared()
    for bucket, name in ((RAW, "RawBucket"), (ARCHIVE, "ArchiveBucket")):
        assert "AES256" in str(client.get_bucket_encryption(Bucket=bucket))
        access = template[name]["Properties"]["PublicAccessBlockConfiguration"]
        assert len(access) == 4
        assert all(access.values())
    for name in ("RawBucket", "ArchiveBucket", "Namespace"):
        assert template[name]["DeletionPolicy"] == "Retain"
    assert template["Cluster"]["DeletionPolicy"] == "Snapshot"
    rules = template["ArchiveBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {rule["Id"] for rule in rules} >= {"unfinished-uploads", "manifests"}


def test_roles_allow_the_calls_of_a_run(made: Stack, warehouse: str) -> None:
    calls = {*_recorded_calls(), ABORT, LOG_INS[warehouse]}
    for action, resource in sorted(calls):
        # moto makes no secrets, so that their ARNs are known to the template only.
        if not action.startswith("secretsmanager:"):
            assert allows(made.statements["runner"], action, resource), resource
    assert actions(made.statements["runner"]) == {action for action, _ in calls}
    for action, resource in COPY_CALLS:
        assert allows(made.statements["copy"], action, resource), resource
    assert actions(made.statements["copy"]) == {action for action, _ in COPY_CALLS}


@pytest.mark.parametrize(("role", "action", "resource"), FORBIDDEN)
def test_roles_allow_nothing_else(
    made: Stack, role: str, action: str, resource: str
) -> None:
    assert not allows(made.statements[role], action, resource)


def test_recorded_calls_are_all_that_the_code_makes() -> None:
    """Each method of an AWS client in the product is one of those recorded here."""
    called = set()
    for module in ("loaders/s3.py", "loaders/aws.py"):
        tree = ast.parse((stack.PROJECT / module).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(
                node.func, ast.Attribute
            ):
                continue
            source = ast.unparse(node.func.value)
            if source in ("aws.s3_client()", "client"):
                called.add(node.func.attr)
    assert called == {
        *("get_paginator", "get_object", "upload_file", "put_object"),
        *("delete_object", "delete_objects", "list_objects_v2"),
        *("get_parameter", "get_secret_value"),
    }


def _recorded_calls() -> set[tuple[str, str]]:
    """Make each AWS call of a run; return (IAM action, resource ARN) of all."""
    calls: set[tuple[str, str]] = set()

    def record(model: Any, params: dict[str, Any], **_: object) -> None:  # noqa: ANN401
        calls.add((ACTIONS[model.name], params["context"]["resource"]))

    def remember(
        params: dict[str, Any],
        context: dict[str, Any],
        **_: object,
    ) -> None:
        context["resource"] = _resource(params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_REGION", stack.REGION)
        patch.setenv("AWS_DEFAULT_REGION", stack.REGION)
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE"):
            patch.delenv(name, raising=False)
        aws.client_of_process.cache_clear()
        _fill_stores()
        for service in ("s3", "secretsmanager", "ssm"):
            events = aws.client_of_process(os.getpid(), service).meta.events
            events.register("provide-client-params", remember)
            events.register("before-call", record)
        _use_everything()
        aws.client_of_process.cache_clear()
    return calls


def _fill_stores() -> None:
    client = boto3.client("s3", stack.REGION)
    for name in ("part-0", "_SUCCESS"):
        key = f"raw/orgs/dt=2026-11-24/{name}"
        client.put_object(Bucket=RAW, Key=key, Body=b"{}\n")
    boto3.client("secretsmanager", stack.REGION).create_secret(
        Name="nightshift/prod/mail", SecretString="x"
    )
    boto3.client("ssm", stack.REGION).put_parameter(
        Name="/nightshift/prod/token", Value="x", Type="SecureString"
    )


def _use_everything() -> None:
    """Do what a load, an archive, the report, doctor and the settings do on AWS."""
    raw, archive = f"s3://{RAW}/raw", f"s3://{ARCHIVE}/archive"
    s3.check_listing(raw)
    partition = s3.list_partition(raw, "orgs", date(2026, 11, 24))
    with s3.open_object(partition.objects[0]) as body:
        assert body.read() == b"{}\n"
    for name in ("a", "b"):
        s3.write(f"{archive}/_nightshift/{name}", b"x")
    with NamedTemporaryFile() as file:
        file.truncate(9_000_000)  # more than one part
        s3.upload(Path(file.name), f"{archive}/prod/v1/org_day/large")
    (found, *_) = s3.list_objects(archive)
    with s3.open_object(found) as body:
        assert body.read()
    s3.delete([f"{archive}/_nightshift/a"])
    s3.delete([f"{archive}/_nightshift/b", f"{archive}/prod/v1/org_day/large"])
    assert aws_secrets.read("secretsmanager", "nightshift/prod/mail") == "x"
    assert aws_secrets.read("ssm", "/nightshift/prod/token") == "x"


def _resource(params: dict[str, Any]) -> str:
    place = f"{stack.REGION}:{stack.ACCOUNT}"
    if "SecretId" in params:
        return f"arn:aws:secretsmanager:{place}:secret:{params['SecretId']}-a1b2c3"
    if "Name" in params:
        return f"arn:aws:ssm:{place}:parameter{params['Name']}"
    key = params.get("Key")
    if "Delete" in params:
        key = params["Delete"]["Objects"][0]["Key"]
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    return f"{bucket}/{key}" if key else bucket


_OPPOSITE = {"serverless": "IsProvisioned", "provisioned": "IsServerless"}
