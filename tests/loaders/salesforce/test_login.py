"""Login: client credentials, JWT, a given token, and the password of old."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from loaders.errors import ConfigError, TransientError
from loaders.salesforce import client
from loaders.salesforce.policy import Patience
from tests.emulators.salesforce.org import PASSWORD, SECURITY_TOKEN, USERNAME
from tests.loaders.salesforce.world import FAST, Connected


def _organization(connected: Connected, **changes: object) -> str:
    settings = connected.settings.model_copy(update=changes)
    reached = client.connect(settings, FAST.patience)
    try:
        return reached.organization().id
    finally:
        reached.close()


def test_client_credentials_give_a_token(connected: Connected) -> None:
    assert _organization(connected) == connected.org.id
    assert connected.count("POST", "/oauth2/token") == 1


def test_a_signed_jwt_gives_a_token(connected: Connected) -> None:
    key = connected.org.private_key_file
    found = _organization(
        connected, auth="jwt", username=USERNAME, private_key_file=key
    )
    assert found == connected.org.id


def test_a_file_that_is_no_key_is_named_without_its_content(
    connected: Connected, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    path.write_text("not a key, but a secret", encoding="utf-8")
    with pytest.raises(ConfigError, match="no RSA private key") as error:
        _organization(connected, auth="jwt", username="u", private_key_file=path)
    assert "secret" not in str(error.value)


def test_the_instance_may_come_from_the_token_server(connected: Connected) -> None:
    url = f"{connected.settings.instance_url}/services/oauth2/token"
    assert _organization(connected, instance_url=None, token_url=url)


def test_a_given_token_is_used_and_cannot_be_renewed(connected: Connected) -> None:
    token = connected.org.open_session("given")
    given = {"auth": "access_token", "access_token": SecretStr(token)}
    assert _organization(connected, **given) == connected.org.id
    assert connected.count("POST", "/oauth2/token") == 0
    connected.org.end_sessions()
    with pytest.raises(ConfigError, match="Check the access token"):
        _organization(connected, **given)


def test_a_token_refused_again_and_again_is_an_error(connected: Connected) -> None:
    connected.spoil("GET", "/query", status=401, code="INVALID_SESSION_ID", times=99)
    with pytest.raises(ConfigError, match="Check the access token, or the connected"):
        _organization(connected)
    assert connected.count("POST", "/oauth2/token") == 4


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"client_id": None}, "CLIENT_ID is not set"),
        ({"client_secret": None}, "CLIENT_SECRET is not set"),
        ({"instance_url": None}, "INSTANCE_URL is not set"),
        ({"instance_url": "http://127.0.0.1"}, "must start with https://"),
        ({"token_url": "http://127.0.0.1/token"}, "TOKEN_URL must start with https"),
        ({"auth": "access_token"}, "ACCESS_TOKEN is not set"),
        ({"auth": "jwt"}, "PRIVATE_KEY_FILE is not set"),
        ({"auth": "password"}, "needs NIGHTSHIFT_SALESFORCE__USERNAME"),
        (
            {"auth": "password", "api_version": "65.0"},
            "work up to API version 64.0, not 65.0",
        ),
    ],
)
def test_what_is_missing_is_named(
    connected: Connected, changes: dict, told: str
) -> None:
    with pytest.raises(ConfigError) as error:
        _organization(connected, **changes)
    assert told in str(error.value)


def test_an_unknown_certificate_says_how_to_trust_it(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(ConfigError, match="REQUESTS_CA_BUNDLE"):
        _organization(connected)


def test_nobody_there_is_transient(connected: Connected) -> None:
    settings = connected.settings.model_copy(
        update={"instance_url": "https://127.0.0.1:9"}
    )
    with pytest.raises(TransientError, match="does not answer"):
        client.connect(settings, Patience(attempts=2, base_seconds=0.01))


def test_a_password_works_with_a_warning(connected: Connected) -> None:
    given = {
        "auth": "password",
        "username": USERNAME,
        "password": SecretStr(PASSWORD + SECURITY_TOKEN),
    }
    with pytest.warns(DeprecationWarning, match="user name and password"):
        assert _organization(connected, **given) == connected.org.id
    wrong = {**given, "password": SecretStr("wrong")}
    with (
        pytest.warns(DeprecationWarning),
        pytest.raises(ConfigError, match="INVALID_LOGIN") as error,
    ):
        _organization(connected, **wrong)
    assert "wrong" not in str(error.value)
