"""Secrets are masked in text, whether Nightshift or a library wrote it."""

from collections.abc import Iterator

import pytest

from loaders.config import redaction, settings
from loaders.config.settings import Settings


@pytest.fixture(autouse=True)
def secret_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set secrets in the environment and reload the settings."""
    monkeypatch.setenv("NIGHTSHIFT_SALESFORCE__CLIENT_SECRET", "sesame-open-1")
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD", "parcels+2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "abc/def+ghi")
    monkeypatch.setenv("DBT_ENV_SECRET_PASSWORD", "warehouse-3")
    monkeypatch.setenv("NIGHTSHIFT_SALESFORCE__TOKEN_URL", "https://login.example")
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


@pytest.mark.parametrize(
    "text",
    [
        "login with sesame-open-1 failed",
        "SMTP said parcels+2",
        "key abc/def+ghi",
        "password=warehouse-3 host=x",
        "postgresql://etl:hunter2@cluster.example:5439/dev",
        "Authorization: Bearer 00Dxx!AQ0AQ.token",
        "GET https://b.s3.example/k?X-Amz-Signature=0badcafe&X-Amz-Date=1",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    redacted = redaction.redact(text)
    assert redaction.MASK in redacted
    for secret in (
        *("sesame-open-1", "parcels+2", "abc/def+ghi", "warehouse-3"),
        *("hunter2", "AQ0AQ", "0badcafe"),
    ):
        assert secret not in redacted


def test_other_text_is_unchanged() -> None:
    text = "s3://bucket/raw/orgs/dt=2026-11-24/ at https://login.example is incomplete"
    assert redaction.redact(text) == text


def test_settings_are_validated_when_they_change_and_not_for_each_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []
    load = settings.load_valid

    def counting() -> tuple[Settings, dict[str, str]]:
        calls.append(1)
        return load()

    monkeypatch.setattr(settings, "load_valid", counting)
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD", "first-password")
    assert redaction.redact("first-password second-password") == "*** second-password"
    assert redaction.redact("a second-password") == "a second-password"
    assert len(calls) == 1
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD", "second-password")
    assert redaction.redact("first-password second-password") == "first-password ***"
    assert len(calls) == 2
    redaction.add_secrets(["from-a-file-of-a-library"])
    assert redaction.redact("from-a-file-of-a-library") == "***"
