"""The CloudFormation stack on moto, and the policies that it makes."""

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import yaml
from moto import mock_aws

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATE = PROJECT / "deploy" / "aws" / "nightshift.yaml"
ACCOUNT, REGION = "123456789012", "eu-west-1"
RAW, ARCHIVE = "acme-raw", "acme-archive"
WORKGROUP = f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:workgroup/0a1b"
# moto has no Redshift Serverless: its values, and the custom resource that needs them,
# are replaced before the stack is created.
NOT_IN_MOTO = (
    ("!GetAtt Workgroup.Workgroup.WorkgroupArn", WORKGROUP),
    ("Fn::GetAtt: [Workgroup, Workgroup.Endpoint.Address]", "workgroup.example.com"),
    ("Value: !Ref Workgroup", "Value: nightshift-prod"),
)
CUSTOM = ("  RpuLimit:\n", "  LimitFunction:\n")


@dataclass(frozen=True)
class Stack:
    """A created stack: resource types by logical name, outputs, roles' statements."""

    resources: Mapping[str, str]
    outputs: Mapping[str, str]
    statements: Mapping[str, list[dict[str, Any]]]


class _AnyTag(yaml.SafeLoader):
    """Reads CloudFormation's short forms such as `!Ref` as text."""


_AnyTag.add_multi_constructor("!", lambda loader, suffix, node: f"!{suffix}")


def declared() -> dict[str, Any]:
    """Return the resources of the template, with short forms as text."""
    text = TEMPLATE.read_text(encoding="utf-8")
    resources: dict[str, Any] = yaml.load(text, Loader=_AnyTag)["Resources"]
    return resources


@contextmanager
def created(warehouse: str) -> Iterator[Stack]:
    """Create the stack, yield it, delete it."""
    text = TEMPLATE.read_text(encoding="utf-8")
    if warehouse == "serverless":
        for old, new in NOT_IN_MOTO:
            assert old in text, old
            text = text.replace(old, new)
        start, end = (text.index(mark) for mark in CUSTOM)
        text = text[:start] + text[end:]
    with mock_aws(config={"lambda": {"use_docker": False}}):
        ec2 = boto3.client("ec2", REGION)
        subnets = ec2.describe_subnets()["Subnets"][:3]
        groups = ec2.describe_security_groups()["SecurityGroups"]
        parameters = {
            "RawBucketName": RAW,
            "ArchiveBucketName": ARCHIVE,
            "Warehouse": warehouse,
            "SubnetIds": ",".join(subnet["SubnetId"] for subnet in subnets),
            "SecurityGroupIds": groups[0]["GroupId"],
        }
        formation = boto3.client("cloudformation", REGION)
        formation.create_stack(
            StackName="nightshift",
            TemplateBody=text,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
        )
        (described,) = formation.describe_stacks(StackName="nightshift")["Stacks"]
        assert described["StackStatus"] == "CREATE_COMPLETE"
        yield Stack(
            {
                item["LogicalResourceId"]: item["ResourceType"]
                for item in formation.describe_stack_resources(StackName="nightshift")[
                    "StackResources"
                ]
                if "LogicalResourceId" in item
            },
            {
                item["OutputKey"]: item["OutputValue"]
                for item in described.get("Outputs", [])
            },
            {
                role: _statements(f"nightshift-prod-{role}")
                for role in ("copy", "runner")
            },
        )
        formation.delete_stack(StackName="nightshift")
        remaining = formation.describe_stacks()["Stacks"]
        assert not remaining


def _statements(role: str) -> list[dict[str, Any]]:
    """Return the statements of a role's policies."""
    iam = boto3.client("iam", REGION)
    statements: list[dict[str, Any]] = []
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)
        document = policy["PolicyDocument"]
        if isinstance(document, str):  # moto stores the repr of the policy
            document = ast.literal_eval(document)
        statements += document["Statement"]
    assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    return statements


def allows(statements: list[dict[str, Any]], action: str, resource: str) -> bool:
    """Return whether a statement allows an action on a resource, as IAM decides."""
    return any(
        statement["Effect"] == "Allow"
        and any(fnmatchcase(action, pattern) for pattern in _list(statement["Action"]))
        and any(
            fnmatchcase(resource, pattern) for pattern in _list(statement["Resource"])
        )
        for statement in statements
    )


def actions(statements: list[dict[str, Any]]) -> set[str]:
    """Return all actions that statements name."""
    return {action for item in statements for action in _list(item["Action"])}


def _list(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
