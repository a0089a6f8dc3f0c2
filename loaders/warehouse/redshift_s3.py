"""COPY and UNLOAD: the IAM role, the region, the S3 URL, and errors of S3."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from loaders import aws_errors, s3
from loaders.config import settings
from loaders.errors import ConfigError, NightshiftError

ROLE_ARN = r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+"


def iam_role() -> str:
    """Return the IAM_ROLE clause; `ConfigError` if the role is missing or malformed."""
    role = settings.load().copy_iam_role
    if not role:
        raise ConfigError(
            "NIGHTSHIFT_COPY_IAM_ROLE is not set. Set it to the ARN of a role that is "
            "attached to the cluster, or to `default` for the cluster's default role."
        )
    if role == "default":
        return "iam_role default"
    if not re.fullmatch(rf"{ROLE_ARN}(,{ROLE_ARN})*", role):
        raise ConfigError(
            f"NIGHTSHIFT_COPY_IAM_ROLE is {role!r}. It must be `default`, the ARN of "
            f"an IAM role, or several ARNs separated by commas."
        )
    return f"iam_role '{role}'"


def region_clause() -> str:
    """Return the REGION clause with boto3's region, '' if it has none."""
    region = s3.region()
    return f"region '{region}'" if region else ""


def escape_url(url: str) -> str:
    """Escape a URL for a quoted string in COPY or UNLOAD."""
    if "\\" in url or "\n" in url:
        raise ConfigError(
            f"{url!r} contains a backslash or a line break, which COPY and UNLOAD do "
            "not accept. Choose another URL."
        )
    return url.replace("'", "''")


@contextmanager
def classified_s3_errors(url: str, operation: str) -> Iterator[None]:
    """Raise errors of S3 that a statement reports like those of this process.

    `operation` is the name of the request in the API of S3, for example `PutObject`.
    """
    try:
        yield
    except NightshiftError as error:
        found = aws_errors.classify_message(url, str(error), operation=operation)
        if found is None:
            raise
        raise found from error
