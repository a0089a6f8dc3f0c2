"""Which file's variables a command line uses: `.env`, the demo's, or neither."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from loaders.config import environment, settings
from loaders.errors import ConfigError
from loaders.salesforce_api import client

RAW = "NIGHTSHIFT_RAW_URL=s3://demo/raw\n"


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test an empty working directory and no settings."""
    kept = dict(os.environ)
    for name in kept:
        if name.startswith(("NIGHTSHIFT_", "AWS_", "DBT_", "OPENLINEAGE_")):
            del os.environ[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(environment, "DEMO_FILE", tmp_path / "demo.env")
    settings.load.cache_clear()
    yield
    os.environ.clear()
    os.environ.update(kept)
    (tmp_path / ".env").unlink(missing_ok=True)
    (tmp_path / "demo.env").unlink(missing_ok=True)
    environment.apply()
    settings.load.cache_clear()


def test_variables_of_dotenv_reach_the_process_unless_they_are_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text(
        "\N{BYTE ORDER MARK}# a comment\n\nexport AWS_REGION=eu-west-1\r\n"
        "DBT_TARGET='prod'\nOPENLINEAGE_URL=\"http://x:5000\"\nREQUESTS_CA_BUNDLE=/ca\n"
        "NIGHTSHIFT_RAW_URL=s3://file/raw # raw\nNIGHTSHIFT_ARCHIVE_URL=s3://file/a\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("NIGHTSHIFT_ARCHIVE_URL", "s3://shell/archive")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    environment.apply()
    assert os.environ["AWS_REGION"] == "eu-west-1"
    assert os.environ["DBT_TARGET"] == "prod"
    assert os.environ["OPENLINEAGE_URL"] == "http://x:5000"
    assert os.environ["REQUESTS_CA_BUNDLE"] == "/ca"
    assert settings.load().raw_url == "s3://file/raw"
    assert settings.load().archive_url == "s3://shell/archive"
    assert environment.applied_file() == Path(".env").absolute()


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("AWS_REGION=eu-west-1\n", "eu-west-1"),
        ("AWS_REGION=eu-west-1\nAWS_DEFAULT_REGION=us-east-2\n", "us-east-2"),
        ("AWS_REGION=\n", None),
    ],
)
def test_region_is_that_of_boto3_too(text: str, region: str | None) -> None:
    Path(".env").write_text(text)
    environment.apply()
    assert os.environ.get("AWS_DEFAULT_REGION") == region


def test_unknown_setting_in_dotenv_is_named() -> None:
    Path(".env").write_text("NIGHTSHIFT_RAW_URI=s3://file/raw\n")
    environment.apply()
    with pytest.raises(ConfigError, match="NIGHTSHIFT_RAW_URI"):
        settings.load()


@pytest.mark.parametrize(
    ("variables", "dotenv", "is_used"),
    [
        ({}, None, True),
        ({"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_S3": "http://real"}, None, True),
        ({"NIGHTSHIFT_LOG_FORMAT": "json"}, None, False),
        ({"nightshift_raw_url": "s3://shell/raw"}, None, False),
        ({"DBT_TARGET": "prod"}, None, False),
        ({"DBT_PROFILES_DIR": "/etc/dbt"}, None, False),
        ({}, "", False),
        ({}, "AWS_REGION=eu-west-1\n", False),
    ],
)
def test_demo_file_is_used_when_nothing_else_is_configured(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    dotenv: str | None,
    is_used: bool,
) -> None:
    environment.DEMO_FILE.write_text(f"{RAW}AWS_ENDPOINT_URL_S3=http://demo\n")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if dotenv is not None:
        Path(".env").write_text(dotenv)
    environment.apply()
    assert environment.is_demo() == is_used
    assert (os.environ.get("NIGHTSHIFT_RAW_URL") == "s3://demo/raw") == is_used
    if is_used:
        assert os.environ["AWS_ENDPOINT_URL_S3"] == "http://demo"
        assert "AWS_PROFILE" not in os.environ


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"NIGHTSHIFT_RAW_URL=s3://caf\xe9/raw\n", "not valid UTF-8"),
        ("A=1\n".encode("utf-16"), "not valid UTF-8"),
        (b"A=1\nNIGHTSHIFT_RAW_URL\n", "line 2 is not NAME=value"),
        (b"A=1\n\n=secret-value\n", "line 3 is not NAME=value"),
        (b"A=1\nB='secret-value\n", "line 2 is not NAME=value"),
        (b"A=1\nB=secret-value\0\n", "line 2 is not NAME=value"),
        (None, "cannot be read: Is a directory"),
    ],
)
@pytest.mark.parametrize("name", [".env", "demo.env"])
def test_unreadable_file_is_one_setting_error(
    name: str, content: bytes | None, message: str
) -> None:
    if content is None:
        Path(name).mkdir()
    else:
        Path(name).write_bytes(content)
    environment.apply()
    with pytest.raises(ConfigError) as caught:
        settings.load()
    assert message in str(caught.value) and name in str(caught.value)
    assert "secret-value" not in str(caught.value)
    if content is None:
        Path(name).rmdir()


def test_stopped_emulators_of_the_demo_are_named_with_the_command() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        environment.DEMO_FILE.write_text(
            f"{RAW}AWS_ENDPOINT_URL_S3={url}\n"
            f"NIGHTSHIFT_SALESFORCE__INSTANCE_URL={url}\n"
        )
        environment.apply()
        assert settings.load().required_raw_url() == "s3://demo/raw"
    with pytest.raises(ConfigError, match=r"not running.*: make emulators$"):
        settings.load().required_raw_url()
    with pytest.raises(ConfigError, match="make emulators"):
        client.connect(settings.load().salesforce)


def test_services_of_other_settings_are_not_probed() -> None:
    Path(".env").write_text(f"{RAW}AWS_ENDPOINT_URL_S3=http://127.0.0.1:1\n")
    environment.apply()
    assert settings.load().required_raw_url() == "s3://demo/raw"


def test_without_files_only_the_default_scheduler_is_added() -> None:
    before = dict(os.environ)
    environment.apply()
    added = {environment.SCHEDULER_URL: environment.DEFAULT_SCHEDULER_URL}
    assert dict(os.environ) == added | before
    assert environment.applied_file() is None
