"""Settings stored in Secrets Manager, the Parameter Store or files."""

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from loaders import aws
from loaders.config import dbt_profile, secret_values, settings
from loaders.config.environment import PROJECT
from loaders.config.redaction import redact
from loaders.errors import ConfigError
from tests.nightly.project import Project

VALUE = "sesame-open-1"
PEM = "-----BEGIN PRIVATE KEY-----\nTUlJRXZn\n-----END PRIVATE KEY-----\n"
# Every setting that holds a secret, and a place that holds no other value.
SECRET_SETTINGS = (
    "NIGHTSHIFT_SALESFORCE__CLIENT_SECRET",
    "NIGHTSHIFT_SALESFORCE__PASSWORD",
    "NIGHTSHIFT_SALESFORCE__ACCESS_TOKEN",
    "NIGHTSHIFT_SMTP__PASSWORD",
    "NIGHTSHIFT_REDSHIFT_PASSWORD",
    "OPENLINEAGE_API_KEY",
)


pytestmark = pytest.mark.usefixtures("secret_stores")


def _store(service: str, value: str | bytes) -> str:
    """Store a value under a new name; return the reference to it."""
    name = f"nightshift/{uuid4().hex}"
    if service == "ssm":
        name = f"/{name}"
        boto3.client("ssm").put_parameter(
            Name=name, Value=str(value), Type="SecureString"
        )
    elif isinstance(value, bytes):
        boto3.client(service).create_secret(Name=name, SecretBinary=value)
    else:
        boto3.client(service).create_secret(Name=name, SecretString=value)
    return f"{service}:{name}"


def _loaded(variable: str) -> str:
    """Return a variable's value after the settings have been read."""
    settings.load()
    return os.environ[variable]


@pytest.mark.parametrize("name", SECRET_SETTINGS)
@pytest.mark.parametrize("place", ["secretsmanager", "ssm", "file"])
def test_every_secret_setting_may_be_stored_elsewhere(
    name: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable, text = name, ""
    if place == "file":
        (tmp_path / "secret").write_text(f"{VALUE}\n")
        variable, text = f"{name}_FILE", str(tmp_path / "secret")
    else:
        text = _store(place, VALUE)
    monkeypatch.setenv(variable, text)
    assert _loaded(name) == VALUE
    assert f"{name}_FILE" not in os.environ
    assert VALUE not in redact(f"the library says {VALUE}")


@pytest.mark.parametrize(
    ("service", "stored", "suffix", "value"),
    [
        ("secretsmanager", VALUE, "", VALUE),
        ("secretsmanager", f"{VALUE}\r\n", "", VALUE),
        ("secretsmanager", f" {VALUE} x", "", f" {VALUE} x"),
        ("secretsmanager", VALUE.encode(), "", VALUE),
        ("secretsmanager", json.dumps({"password": VALUE}), "#password", VALUE),
        ("secretsmanager", json.dumps({"a b/#c": VALUE}), "#a b/#c", VALUE),
        ("secretsmanager", json.dumps({"pin": 4711}), "#pin", "4711"),
        ("ssm", json.dumps({"password": VALUE}), "#password", VALUE),
        ("ssm", "secretsmanager:another", "", "secretsmanager:another"),
    ],
)
def test_value_is_used_as_stored(
    service: str,
    stored: str | bytes,
    suffix: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD", _store(service, stored) + suffix)
    password = settings.load().smtp.password
    assert password is not None
    assert password.get_secret_value() == value


def test_arn_names_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = _store("secretsmanager", VALUE)
    name = reference.partition(":")[2]
    arn = boto3.client("secretsmanager").describe_secret(SecretId=name)["ARN"]
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD", f"secretsmanager:{arn}")
    assert _loaded("NIGHTSHIFT_SMTP__PASSWORD") == VALUE


@pytest.mark.parametrize(
    ("value", "suffix", "words"),
    [
        (None, "", ("does not exist",)),
        ("", "", ("is empty",)),
        (" \n", "", ("is empty",)),
        (f"{VALUE}\0", "", ("NUL",)),
        (VALUE.encode() + b"\xff", "", ("UTF-8",)),
        (VALUE, "#password", ("not a JSON object", "'password'")),
        (json.dumps([VALUE]), "#password", ("not a JSON object",)),
        (json.dumps({"user": VALUE}), "#password", ("no text", "'password'")),
        (json.dumps({"password": [VALUE]}), "#password", ("no text",)),
        (VALUE, "#", ("secretsmanager:NAME#KEY",)),
    ],
)
def test_error_names_the_setting_and_the_secret_without_its_value(
    value: str | bytes | None,
    suffix: str,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reference = "secretsmanager:no/such-secret"
    if value is not None:
        reference = _store("secretsmanager", value or " ")
    variable = "NIGHTSHIFT_SMTP__PASSWORD"
    monkeypatch.setenv(variable, reference + suffix)
    with pytest.raises(ConfigError) as raised:
        settings.load()
    message = redact(str(raised.value))
    assert variable in message
    assert suffix == "#" or reference.partition(":")[2] in message
    assert VALUE not in message
    assert all(word in message for word in words), message
    _, problems = settings.load_valid()
    assert list(problems) == [variable]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (VALUE.encode("utf-16"), "UTF-8"),
    ],
)
def test_unusable_file_is_named(
    content: bytes | None,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD_FILE", str(path))
    with pytest.raises(ConfigError, match=words) as raised:
        settings.load()
    assert "NIGHTSHIFT_SMTP__PASSWORD_FILE" in str(raised.value)
    assert str(path) in str(raised.value)


def test_two_places_of_one_setting_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD", VALUE)
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD_FILE", str(tmp_path))
    with pytest.raises(ConfigError, match="both set"):
        settings.load()


def test_file_of_an_unknown_setting_is_not_a_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASWORD_FILE", "x")
    with pytest.raises(ConfigError, match="SMTP__PASWORD_FILE is not a setting"):
        settings.load()


def test_each_secret_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = _store("ssm", VALUE)
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD", reference)
    monkeypatch.setenv("NIGHTSHIFT_REDSHIFT_PASSWORD", reference)
    monkeypatch.setenv("NIGHTSHIFT_SALESFORCE__PASSWORD", "ssm:no-such-parameter")
    names: list[str] = []
    read = aws.secret_value

    def counted(service: str, name: str) -> str | bytes:
        names.append(name)
        return read(service, name)

    monkeypatch.setattr(aws, "secret_value", counted)
    for _ in range(3):
        with pytest.raises(ConfigError, match="no-such-parameter"):
            settings.load()
        redact("a message")
    assert sorted(names) == sorted([reference[4:], "no-such-parameter"])


def test_private_key_is_a_path_or_a_stored_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = "NIGHTSHIFT_SALESFORCE__PRIVATE_KEY_FILE"
    monkeypatch.setenv(variable, str(tmp_path))
    assert settings.load().salesforce.private_key_file == tmp_path
    settings.load.cache_clear()
    monkeypatch.setenv(variable, _store("secretsmanager", PEM))
    key = settings.load().salesforce.private_key_file
    assert not isinstance(key, Path | None)
    assert key.get_secret_value() == PEM.rstrip()
    assert "TUlJRXZn" not in str(settings.load())


def test_urls_of_a_list_may_be_references(monkeypatch: pytest.MonkeyPatch) -> None:
    chat, page = _store("ssm", "https://chat/T0"), _store("ssm", "https://page/x")
    for text, resolved in (
        (chat, "https://chat/T0"),
        (f"mailto://a@b.c {chat}", "mailto://a@b.c https://chat/T0"),
        (f"{chat}\n{page}", "https://chat/T0\nhttps://page/x"),
        (
            json.dumps([{"url": page, "severities": ["failed"]}, chat]),
            '[{"url": "https://page/x", "severities": ["failed"]}, "https://chat/T0"]',
        ),
    ):
        monkeypatch.setenv("NIGHTSHIFT_ALERTS__URLS", text)
        assert not secret_values.resolve({"NIGHTSHIFT_ALERTS__URLS"})
        assert os.environ["NIGHTSHIFT_ALERTS__URLS"] == resolved


def test_profile_needs_its_own_variables_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = dbt_profile.PROJECT / "profiles.yml.example"
    (tmp_path / "profiles.yml").write_text(profile.read_text())
    monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path))
    monkeypatch.setenv("DBT_TARGET", "prod")
    monkeypatch.setenv("NIGHTSHIFT_REDSHIFT_HOST", "warehouse")
    monkeypatch.setenv("NIGHTSHIFT_REDSHIFT_PASSWORD", _store("ssm", VALUE))
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD", "ssm:no-such-parameter")
    dbt_profile.target.cache_clear()
    assert dbt_profile.target().values["password"] == VALUE
    monkeypatch.setenv("NIGHTSHIFT_REDSHIFT_PASSWORD", "ssm:no-such-parameter")
    dbt_profile.target.cache_clear()
    with pytest.raises(ConfigError, match=r"REDSHIFT_PASSWORD: .*no-such-par"):
        dbt_profile.target()
    dbt_profile.target.cache_clear()


def test_command_exits_3_without_the_secret(
    project: Project, secret_stores: dict[str, str]
) -> None:
    result = project.nightshift(
        "run",
        "--date",
        "2026-11-24",
        NIGHTSHIFT_SMTP__PASSWORD="ssm:/nightshift/none",
        **secret_stores,
    ).expect(3)
    for word in ("NIGHTSHIFT_SMTP__PASSWORD", "'/nightshift/none'", "does not exist"):
        assert word in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    "module", ["loaders.config.settings", "loaders.salesforce.sync"]
)
def test_boto3_is_not_imported_by_what_needs_no_aws(module: str) -> None:
    code = f"import sys, {module}, loaders.config.settings as s; s.load()"
    environment = {"PATH": os.environ["PATH"], "NIGHTSHIFT_SMTP__PASSWORD": "plain"}
    run = [sys.executable, "-c", f"{code}; print(*sys.modules)"]
    modules = subprocess.run(
        run, env=environment, cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert "pydantic" in modules
    assert not {"boto3", "botocore"} & set(modules)
