"""AWS clients and the classification of their errors. Only this module imports boto3.

Endpoint, region and credentials are boto3's own settings (AWS_ENDPOINT_URL_S3,
AWS_PROFILE, AWS_REGION, ...). boto3 retries transient errors itself, with jitter.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
)

from loaders.errors import ConfigError, TransientError

__all__ = [
    "SINGLE_THREADED",
    "ClientError",
    "classified_s3_errors",
    "error_code",
    "s3_client",
]

MAX_ATTEMPTS = 6
BUSY_CODES = {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"}
MISSING_BUCKET_CODES = {"NoSuchBucket", "NotFound", "404"}
SINGLE_THREADED = TransferConfig(use_threads=False)


def s3_client() -> Any:  # noqa: ANN401 - boto3 generates its client classes
    """Return this process's S3 client."""
    with classified_s3_errors("s3://"):
        return client_of_process(os.getpid())


@cache
def client_of_process(process_id: int) -> Any:  # noqa: ANN401 - as above
    """Create one client per process: a forked worker must not share connections."""
    return boto3.client(
        "s3",
        config=Config(
            retries={"mode": "standard", "max_attempts": MAX_ATTEMPTS},
            connect_timeout=10,
            read_timeout=60,
        ),
    )


def error_code(error: ClientError) -> str:
    """Return the code of an AWS error response, for example `NoSuchKey`."""
    return str(error.response["Error"]["Code"])


@contextmanager
def classified_s3_errors(url: str) -> Iterator[None]:
    """Raise boto3's errors as this project's, with the S3 URL and the next step."""
    try:
        yield
    except ClientError as error:
        raise _classify_response(error, url) from error
    except (NoCredentialsError, NoRegionError) as error:
        raise ConfigError(
            f"No AWS credentials or region for {url} ({error}). Set AWS_REGION, and "
            "AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        ) from error
    except (ConnectionError, HTTPClientError) as error:
        raise TransientError(
            f"S3 is unreachable for {url} ({error}). "
            "Check AWS_ENDPOINT_URL_S3 and the network, then run again."
        ) from error
    except BotoCoreError as error:
        raise ConfigError(
            f"Cannot access {url} with the current AWS settings ({error}). "
            "Check the AWS_* variables."
        ) from error


def _classify_response(error: ClientError, url: str) -> ConfigError | TransientError:
    code = error_code(error)
    if code in MISSING_BUCKET_CODES:
        bucket = url.removeprefix("s3://").partition("/")[0]
        return ConfigError(
            f"Bucket {bucket!r} does not exist ({url}). "
            "Create it, or correct NIGHTSHIFT_RAW_URL or NIGHTSHIFT_ARCHIVE_URL."
        )
    kind = TransientError if code in BUSY_CODES else ConfigError
    return kind(
        f"S3 rejected the request for {url}: {code}: "
        f"{error.response['Error'].get('Message', '')}. "
        "Check the permissions on this bucket and prefix, then run again."
    )
