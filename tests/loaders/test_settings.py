"""Settings: what is accepted, and what names a malformed or unknown variable."""

import os
from collections.abc import Iterator

import pytest

from loaders.config import settings
from loaders.errors import ConfigError

SECRET = "sesame-open-1"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start each test without settings."""
    for name in list(os.environ):
        if name.upper().startswith("NIGHTSHIFT_"):
            monkeypatch.delenv(name)
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


@pytest.mark.parametrize(
    ("value", "recipients"),
    [
        ("", []),
        ("a@b.c", ["a@b.c"]),
        (" a@b.c , d@e.f,", ["a@b.c", "d@e.f"]),
        ('["a@b.c"]', ["a@b.c"]),
        ('[\n  "a@b.c",\n  "d@e.f"\n]', ["a@b.c", "d@e.f"]),
        ("[]", []),
        ('"Doe, Jane" <j@b.c>, d@e.f', ['"Doe, Jane" <j@b.c>', "d@e.f"]),
    ],
)
@pytest.mark.parametrize("group", ["REPORT", "ON_CALL"])
def test_addresses_are_json_or_separated_by_commas(
    group: str, value: str, recipients: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"NIGHTSHIFT_{group}__RECIPIENTS", value)
    assert getattr(settings.load(), group.lower()).recipients == recipients


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REPORT__LOOKER_URL", "company.looker.com"),
        ("REPORT__LOOKER_URL", "javascript:alert(1)"),
        ("REPORT__LOOKER_URL", 'https://x.example/"onclick=x'),
        ("REPORT__RECIPIENTS", "[a@b.c"),
        ("REPORT__RECIPIENTS", "[1]"),
        ("REPORT__RECIPIENTS", '["a@b.c", null]'),
        ("ON_CALL__RECIPIENTS", '["a@b.c"]x'),
        ("SMTP__PORT", "0"),
        ("SMTP__PORT", "65536"),
        ("SMTP__PORT", "smtp"),
        ("SMTP__PORT", "587.5"),
        ("MAX_UNPACKED_GIB", "0"),
        ("MAX_UNPACKED_GIB", "-1"),
        ("MAX_UNPACKED_GIB", "nan"),
        ("LOCATE_REJECTS_MAX_GIB", "inf"),
        ("LOCATE_REJECTS_MAX_GIB", "64 GB"),
        ("LOG_FORMAT", "xml"),
        ("SALESFORCE__AUTH", "magic"),
        ("SALESFORCE__API_VERSION", "60"),
        ("SALESFORCE__EXPECT_SANDBOX", "perhaps"),
        ("RAW_URL", "http://bucket/raw"),
        ("RAW_URL", "s3:///raw"),
        ("RAW_URL", "s3://[/raw"),
        ("ARCHIVE_URL", "bucket"),
        ("ARCHIVE_URL", f"https://user:{SECRET}@host/x"),
        ("REPORT__RECIPIENTS", f"[{SECRET}"),
        ("SMTP__PORT", SECRET),
        ("LOG_FORMAT", SECRET),
        ("SALESFORCE__EXPECT_SANDBOX", SECRET),
    ],
)
def test_malformed_setting_is_named_without_its_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"NIGHTSHIFT_{name}", value)
    monkeypatch.setenv("NIGHTSHIFT_SALESFORCE__CLIENT_SECRET", SECRET)
    with pytest.raises(ConfigError) as caught:
        settings.load()
    message = str(caught.value)
    assert f"NIGHTSHIFT_{name} is malformed: " in message
    assert len(message.splitlines()) == 2
    assert SECRET not in message
    valid, problems = settings.load_valid()
    assert list(problems) == [f"NIGHTSHIFT_{name}"]
    assert valid.salesforce.client_secret.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("NIGHTSHIFT_RAWURL", "RAW_URL?"),
        ("nightshift_raw_uri", "RAW_URL?"),
        ("NIGHTSHIFT_SMTP", "SMTP__HOST, NIGHTSHIFT_SMTP__PASSWORD or"),
        ("NIGHTSHIFT_SMTP__", "SMTP__HOST, NIGHTSHIFT_SMTP__PASSWORD or"),
        ("NIGHTSHIFT_SMTP__HOSTS", "SMTP__HOST?"),
        ("NIGHTSHIFT_SMTP__PASSWORD__X", "SMTP__PASSWORD?"),
        ("NIGHTSHIFT_SMTP__PASWORD_FILE", "SMTP__PASSWORD_FILE?"),
        ("NIGHTSHIFT_REPORT_RECIPIENTS", "REPORT__RECIPIENTS?"),
        ("NIGHTSHIFT_ALERT_URLS", "ALERTS__URLS?"),
        ("NIGHTSHIFT_SALESFORCE__SYNC__CHUNK_SIZE", "SALESFORCE__SYNC__CHUNK_ROWS"),
        ("NIGHTSHIFT_REDSHIFT_PWD", "REDSHIFT_PASSWORD"),
        ("NIGHTSHIFT_DUCKDB", "DUCKDB_PATH?"),
        ("NIGHTSHIFT_BUCKET", ""),
        ("NIGHTSHIFT_", ""),
    ],
)
def test_unknown_setting_is_named_with_the_closest_ones(
    name: str, closest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, SECRET)
    with pytest.raises(ConfigError) as caught:
        settings.load()
    message = str(caught.value)
    assert f"{name.upper()} is not a setting." in message
    assert ("Did you mean" in message) == bool(closest)
    assert not closest or f"Did you mean NIGHTSHIFT_{closest}" in message
    assert "README.md" in message and len(message) < 400
    assert SECRET not in message


def test_all_problems_are_in_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SMTP__PORT", "LOG_FORMAT", "RAWURL"):
        monkeypatch.setenv(f"NIGHTSHIFT_{name}", "x")
    with pytest.raises(ConfigError) as caught:
        settings.load()
    for name in ("SMTP__PORT", "LOG_FORMAT", "RAWURL"):
        assert f"NIGHTSHIFT_{name} is" in str(caught.value)


def test_names_are_read_in_any_case_and_empty_ones_are_not_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("nightshift_raw_url", "s3://bucket/raw/")
    monkeypatch.setenv("NIGHTSHIFT_ARCHIVE_URL", "")
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PORT", "")
    config = settings.load()
    assert config.raw_url == "s3://bucket/raw"
    assert config.archive_url is None
    assert config.smtp.port == settings.Smtp().port
    assert (config.max_unpacked_gib, config.locate_rejects_max_gib) == (64, 64)
