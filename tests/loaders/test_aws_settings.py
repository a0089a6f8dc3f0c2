"""Malformed AWS settings: one configuration error that names what to correct."""

import pytest

from loaders import aws, s3
from loaders.errors import ConfigError

# Variables, and words of the message.
MALFORMED_SETTINGS = [
    ({"AWS_ENDPOINT_URL_S3": "not a url"}, "AWS_ENDPOINT_URL_S3"),
    ({"AWS_ENDPOINT_URL_S3": "127.0.0.1:5000"}, "AWS_ENDPOINT_URL_S3"),
    ({"AWS_ENDPOINT_URL_S3": "s3.example.com"}, "AWS_ENDPOINT_URL_S3"),
    ({"AWS_ENDPOINT_URL_S3": "ftp://127.0.0.1/"}, "AWS_"),
    ({"AWS_ENDPOINT_URL_S3": "http://[::1"}, "AWS_"),
    ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:99999"}, "AWS_ENDPOINT_URL_S3"),
    ({"AWS_DEFAULTS_MODE": "fast"}, "AWS_"),
    ({"AWS_PROFILE": "no-such-profile"}, "no-such-profile"),
    ({"AWS_CONFIG_FILE": __file__}, "AWS_"),
    ({"AWS_CA_BUNDLE": "/no/such/file"}, "AWS_CA_BUNDLE"),
    ({"REQUESTS_CA_BUNDLE": "/no/such/file"}, "REQUESTS_CA_BUNDLE"),
    (
        {"AWS_REGION": "not a region", "AWS_DEFAULT_REGION": "not a region"},
        "AWS_REGION",
    ),
    ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "AWS_ACCESS_KEY_ID"),
    ({"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": ""}, "AWS_SECRET_ACCESS_KEY"),
]


@pytest.mark.parametrize(("variables", "words"), MALFORMED_SETTINGS)
def test_malformed_setting_of_aws_is_a_configuration_error(
    s3_url: str, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/no/such/file")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    aws.client_of_process.cache_clear()
    with pytest.raises(ConfigError) as raised:
        list(s3.list_objects(s3_url))
    assert words in str(raised.value)
