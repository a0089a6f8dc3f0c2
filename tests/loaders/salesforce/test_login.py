"""Login with client credentials, a JWT, a configured token or a password."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from loaders.config.salesforce_policy import RetryPolicy
from loaders.errors import ConfigError, TransientError
from loaders.salesforce_api import client
from tests.emulators.salesforce.org import PASSWORD, SECURITY_TOKEN, USERNAME
from tests.loaders.salesforce.fixtures import FAST, SalesforceOrg


def _organization(salesforce: SalesforceOrg, **changes: object) -> str:
    settings = salesforce.settings.model_copy(update=changes)
    connected_client = client.connect(settings, FAST.retry_policy)
    try:
        return connected_client.organization().id
    finally:
        connected_client.close()


def test_login_with_client_credentials(salesforce: SalesforceOrg) -> None:
    assert _organization(salesforce) == salesforce.org.id
    assert salesforce.count_requests("POST", "/oauth2/token") == 1


def test_login_with_a_signed_jwt(salesforce: SalesforceOrg) -> None:
    key = salesforce.org.private_key_file
    org_id = _organization(
        salesforce, auth="jwt", username=USERNAME, private_key_file=key
    )
    assert org_id == salesforce.org.id


def test_invalid_key_file_is_reported_without_its_content(
    salesforce: SalesforceOrg, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    path.write_text("not a key, but a secret", encoding="utf-8")
    with pytest.raises(ConfigError, match="no RSA private key") as error:
        _organization(salesforce, auth="jwt", username="u", private_key_file=path)
    assert "secret" not in str(error.value)


def test_instance_url_may_come_from_the_token_server(salesforce: SalesforceOrg) -> None:
    url = f"{salesforce.settings.instance_url}/services/oauth2/token"
    assert _organization(salesforce, instance_url=None, token_url=url)


def test_configured_token_is_used_and_not_renewed(salesforce: SalesforceOrg) -> None:
    token = salesforce.org.open_session("configured")
    options = {"auth": "access_token", "access_token": SecretStr(token)}
    assert _organization(salesforce, **options) == salesforce.org.id
    assert salesforce.count_requests("POST", "/oauth2/token") == 0
    salesforce.org.end_sessions()
    with pytest.raises(ConfigError, match="Check NIGHTSHIFT_SALESFORCE__ACCESS_TOKEN"):
        _organization(salesforce, **options)


def test_repeatedly_rejected_token_is_an_error(salesforce: SalesforceOrg) -> None:
    salesforce.inject_fault(
        "GET", "/query", status=401, code="INVALID_SESSION_ID", times=99
    )
    with pytest.raises(ConfigError, match="ACCESS_TOKEN, or that the connected app"):
        _organization(salesforce)
    assert salesforce.count_requests("POST", "/oauth2/token") == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"client_id": None}, "CLIENT_ID is not set"),
        ({"client_secret": None}, "CLIENT_SECRET is not set"),
        ({"instance_url": None}, "INSTANCE_URL is not set"),
        ({"instance_url": "http://127.0.0.1"}, "must start with https://"),
        ({"token_url": "http://127.0.0.1/token"}, "TOKEN_URL must start with https"),
        ({"auth": "access_token"}, "ACCESS_TOKEN is not set"),
        ({"auth": "jwt"}, "PRIVATE_KEY_FILE is not set"),
        ({"auth": "password"}, "Set NIGHTSHIFT_SALESFORCE__USERNAME"),
        (
            {"auth": "password", "api_version": "65.0"},
            "work up to API version 64.0, not 65.0",
        ),
    ],
)
def test_missing_setting_is_named(
    salesforce: SalesforceOrg, changes: dict, message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        _organization(salesforce, **changes)
    assert message in str(error.value)


def test_untrusted_certificate_error_names_the_setting(
    salesforce: SalesforceOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(ConfigError, match="REQUESTS_CA_BUNDLE"):
        _organization(salesforce)


def test_unreachable_server_is_a_transient_error(salesforce: SalesforceOrg) -> None:
    settings = salesforce.settings.model_copy(
        update={"instance_url": "https://127.0.0.1:9"}
    )
    with pytest.raises(TransientError, match="is unreachable"):
        client.connect(settings, RetryPolicy(attempts=2, base_seconds=0.01))


def test_login_with_a_password_warns(salesforce: SalesforceOrg) -> None:
    options = {
        "auth": "password",
        "username": USERNAME,
        "password": SecretStr(PASSWORD + SECURITY_TOKEN),
    }
    with pytest.warns(DeprecationWarning, match="user name and password"):
        assert _organization(salesforce, **options) == salesforce.org.id
    wrong = {**options, "password": SecretStr("wrong")}
    with (
        pytest.warns(DeprecationWarning),
        pytest.raises(ConfigError, match="INVALID_LOGIN") as error,
    ):
        _organization(salesforce, **wrong)
    assert "wrong" not in str(error.value)
