"""No secret leaves the house in a text, whoever wrote it."""

import pytest

from loaders.config import redaction, settings


@pytest.fixture(autouse=True)
def _fresh_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SALESFORCE__CLIENT_SECRET", "sesame-open-1")
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD", "letters+2")
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
        "SMTP said letters+2",
        "key abc/def+ghi",
        "password=warehouse-3 host=x",
        "postgresql://etl:hunter2@cluster.example:5439/dev",
        "Authorization: Bearer 00Dxx!AQ0AQ.token",
        "GET https://b.s3.example/k?X-Amz-Signature=0badcafe&X-Amz-Date=1",
    ],
)
def test_a_secret_is_hidden(text: str) -> None:
    shown = redaction.hidden(text)
    assert redaction.HIDDEN in shown
    for secret in (
        *("sesame-open-1", "letters+2", "abc/def+ghi", "warehouse-3"),
        *("hunter2", "AQ0AQ", "0badcafe"),
    ):
        assert secret not in shown


def test_what_is_no_secret_stays() -> None:
    text = "s3://bucket/raw/orgs/dt=2026-11-24/ at https://login.example is incomplete"
    assert redaction.hidden(text) == text
