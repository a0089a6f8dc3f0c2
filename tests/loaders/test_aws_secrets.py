"""Errors of Secrets Manager and the Parameter Store, each with its next step."""

import os

import pytest

from loaders import aws, aws_secrets
from loaders.errors import ConfigError, TransientError

pytestmark = pytest.mark.usefixtures("secret_stores")


@pytest.mark.parametrize(
    ("code", "message", "family", "words"),
    [
        ("AccessDeniedException", "no", ConfigError, "secretsmanager:GetSecretValue"),
        ("AccessDeniedException", "kms:Decrypt", ConfigError, "kms:Decrypt"),
        ("DecryptionFailure", "", ConfigError, "KMS key"),
        ("InvalidRequestException", "marked", ConfigError, "scheduled for deletion"),
        ("ExpiredTokenException", "", ConfigError, "credentials"),
        ("UnrecognizedClientException", "", ConfigError, "credentials"),
        ("ThrottlingException", "", TransientError, "busy"),
        ("InternalServiceError", "", TransientError, "busy"),
        ("NeverSeenBefore", "", ConfigError, "NeverSeenBefore"),
    ],
)
def test_error_of_the_store_has_its_next_step(
    code: str,
    message: str,
    family: type[Exception],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = aws.client_of_process(os.getpid(), "secretsmanager")

    def fail(**_: str) -> None:
        reply = {"Error": {"Code": code, "Message": message}}
        raise aws.exceptions.ClientError(reply, "GetSecretValue")

    monkeypatch.setattr(client, "get_secret_value", fail)
    with pytest.raises(family, match=words):
        aws_secrets.read("secretsmanager", "nightshift/x")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AWS_ENDPOINT_URL": "no url"}, "AWS_"),
        ({"AWS_PROFILE": "no-such-profile"}, "no-such-profile"),
        ({"AWS_CA_BUNDLE": "/no/such/file"}, "AWS_CA_BUNDLE"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "credentials"),
        ({"AWS_DEFAULT_REGION": None}, "region is unknown"),
        ({"AWS_DEFAULT_REGION": "no region"}, "region is unknown"),
    ],
)
def test_malformed_setting_of_aws_is_named(
    variables: dict[str, str | None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/no/such/file")
    for name, value in variables.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    aws.client_of_process.cache_clear()
    with pytest.raises(ConfigError, match=words):
        aws_secrets.read("ssm", "/nightshift/x")
