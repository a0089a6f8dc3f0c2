"""Clauses of COPY and UNLOAD: the IAM role, the region and the S3 URL."""

import re

from loaders import s3
from loaders.config import settings
from loaders.errors import ConfigError

ROLE = r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+"


def iam_role() -> str:
    """Return the IAM_ROLE clause of COPY and UNLOAD; `ConfigError` without a role."""
    role = settings.load().copy_iam_role
    if not role:
        raise ConfigError(
            "NIGHTSHIFT_COPY_IAM_ROLE is not set. Set it to the ARN of a role that is "
            "attached to the cluster, or to `default` for the cluster's default role."
        )
    if role == "default":
        return "iam_role default"
    if not re.fullmatch(rf"{ROLE}(,{ROLE})*", role):
        raise ConfigError(
            f"NIGHTSHIFT_COPY_IAM_ROLE is {role!r}. It must be `default`, the ARN of "
            f"an IAM role, or such ARNs chained with commas."
        )
    return f"iam_role '{role}'"


def region_clause() -> str:
    """Return the REGION clause: where boto3 looks for the buckets."""
    region = s3.region()
    return f"region '{region}'" if region else ""


def quoted(url: str) -> str:
    """Return a URL as it may stand between quotes in COPY and UNLOAD."""
    if "\\" in url or "\n" in url:
        raise ConfigError(f"{url!r} cannot be named in COPY or UNLOAD. Choose another.")
    return url.replace("'", "''")
