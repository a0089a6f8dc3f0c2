"""Values stored in AWS Secrets Manager and the Systems Manager Parameter Store."""

import json
from dataclasses import dataclass

from loaders import aws
from loaders.aws_error_table import CODES
from loaders.errors import ConfigError, NightshiftError, TransientError

MAX_DETAIL_CHARACTERS = 300


@dataclass(frozen=True)
class Store:
    """A service that stores secrets: what one is called, and the right to read it."""

    noun: str
    right: str


STORES = {
    "secretsmanager": Store(
        "the Secrets Manager secret", "secretsmanager:GetSecretValue"
    ),
    "ssm": Store("the Parameter Store parameter", "ssm:GetParameter"),
}
# Cause and next step by kind; the kinds are those of `aws_error_table`.
TEXTS = {
    "missing": (
        "it does not exist",
        "Create it, or correct its name, AWS_REGION or the AWS account",
    ),
    "name": ("its name is not valid", "Correct the name"),
    "deleted": ("it cannot be read", "Restore it if it is scheduled for deletion"),
    "denied": ("access is denied", "Grant {right} on it to the AWS identity in use"),
    "key denied": (
        "the KMS key that encrypts it cannot be used",
        "Enable the key, and grant kms:Decrypt on it to the AWS identity in use",
    ),
    "credentials": (
        "the AWS credentials are missing, invalid or expired",
        "Renew them, or correct AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN)",
    ),
    "region": (
        "the AWS region is unknown",
        "Set AWS_REGION to the region of the secret",
    ),
    "clock": ("the clock of this machine is wrong", "Synchronize it, then run again"),
    "settings": (
        "the AWS settings are invalid",
        "Correct the AWS_* variables or the AWS configuration file",
    ),
    "certificate": (
        "the certificate of the endpoint cannot be verified",
        "Correct AWS_CA_BUNDLE (or REQUESTS_CA_BUNDLE)",
    ),
    "busy": ("AWS is busy", "Run again"),
    "unreachable": (
        "AWS is unreachable",
        "Check the network, the proxy settings and AWS_ENDPOINT_URL, then run again",
    ),
    "unknown": (
        "AWS reported an error",
        "Look the code up in the documentation of AWS, then run again",
    ),
}
TRANSIENT_KINDS = {"busy", "unreachable"}
# Codes that have another meaning for S3, or none.
OWN_CODES = {
    "resourcenotfound": "missing",
    "parameternotfound": "missing",
    "parameterversionnotfound": "missing",
    "invalidparameter": "name",
    "validation": "name",
    "invalidrequest": "deleted",
    "decryptionfailure": "key denied",
    "invalidkeyid": "key denied",
}
SAME_KINDS = {
    "interrupted": "unreachable",
    "endpoint": "settings",
    "bucket name": "name",
    "key unusable": "key denied",
}


def read(service: str, name: str, *, key: str = "") -> str:
    """Return the value of a secret or parameter without its last line end.

    `service` is one of `STORES`; `name` may be an ARN. With `key`, the value must be a
    JSON object, and the value of that key is returned. Raises `ConfigError` or
    `TransientError` with the name and the next step, never with the value.
    """
    try:
        value = aws.secret_value(service, name)
    except aws.LIBRARY_ERRORS as error:
        raise _classified(error, service, name) from error
    except (ValueError, OSError) as error:
        raise _error("settings", service, name, str(error)) from error
    subject = f"{STORES[service].noun} {name!r}"
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise ConfigError(
                f"{subject} is not UTF-8 text. Store the value as text."
            ) from None
    return (_value_of_key(value, key, subject) if key else value).rstrip("\r\n")


def _value_of_key(text: str, key: str, subject: str) -> str:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ConfigError(
            f"{subject} is not a JSON object, so it has no key {key!r}. Remove "
            f"'#{key}' from the setting, or store the value as JSON."
        )
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigError(
            f"{subject} has no text or number under the key {key!r}. Correct the key "
            "after the '#', or the secret."
        )
    return str(value)


def _classified(error: BaseException, service: str, name: str) -> NightshiftError:
    reply = getattr(error, "response", {}).get("Error", {})
    code = str(reply.get("Code", "")).rpartition("#")[2].removesuffix("Exception")
    if code:
        codes = {known.lower(): kind for known, kind in CODES.items()}
        codes |= {"401": "credentials"} | OWN_CODES
        kind = codes.get(code.lower(), "unknown")
        message = str(reply.get("Message", ""))
        if kind == "denied" and "kms" in message.lower():
            kind = "key denied"
        return _error(kind, service, name, f"{code}: {message}")
    kind = aws.kind_by_class(error)
    return _error(kind or "unknown", service, name, f"{type(error).__name__}: {error}")


def _error(kind: str, service: str, name: str, detail: str) -> NightshiftError:
    """Return the error of a kind; `detail` is the library's text."""
    store = STORES[service]
    kind = SAME_KINDS.get(kind, kind)
    cause, next_step = TEXTS.get(kind, TEXTS["unknown"])
    family = TransientError if kind in TRANSIENT_KINDS else ConfigError
    detail = " ".join(detail.split())[:MAX_DETAIL_CHARACTERS].rstrip(".: ")
    return family(
        f"{store.noun} {name!r} cannot be read: {cause} ({detail}). "
        f"{next_step.format(right=store.right)}."
    )
