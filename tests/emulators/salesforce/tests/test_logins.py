"""Logins by OAuth and SOAP, and requests without a valid token."""

import time

import jwt
import pytest
import requests

from tests.emulators.salesforce.org import (
    CLIENT_ID,
    CLIENT_SECRET,
    PASSWORD,
    SECURITY_TOKEN,
    USERNAME,
)
from tests.emulators.salesforce.serve import RunningEmulator
from tests.emulators.salesforce.tests.api import Api

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8" ?><env:Envelope '
    'xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body>'
    '<n1:login xmlns:n1="urn:partner.soap.sforce.com"><n1:username>{}</n1:username>'
    "<n1:password>{}</n1:password></n1:login></env:Body></env:Envelope>"
)


def _request_token(emulator: RunningEmulator, **form: str) -> requests.Response:
    return requests.post(
        f"{emulator.http_url}/services/oauth2/token", data=form, timeout=30
    )


def _can_read(emulator: RunningEmulator, token: str, scheme: str = "Bearer") -> bool:
    url = f"{emulator.http_url}/services/data/v60.0/limits/"
    headers = {"authorization": f"{scheme} {token}"}
    return requests.get(url, headers=headers, timeout=30).status_code == 200


def test_client_credentials_in_header_or_form_return_a_token(
    emulator: RunningEmulator,
) -> None:
    url = f"{emulator.http_url}/services/oauth2/token"
    grant = {"grant_type": "client_credentials"}
    by_header = requests.post(
        url, data=grant, auth=(CLIENT_ID, CLIENT_SECRET), timeout=30
    ).json()
    by_form = _request_token(
        emulator, **grant, client_id=CLIENT_ID, client_secret=CLIENT_SECRET
    ).json()
    for body in (by_header, by_form):
        assert body["token_type"] == "Bearer"
        assert body["instance_url"] == emulator.http_url
        assert body["id"].endswith(f"/id/{emulator.org.id}/{emulator.org.user_id}")
        assert _can_read(emulator, body["access_token"])
        assert _can_read(emulator, body["access_token"], scheme="OAuth")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "client_id": "x"}, "invalid_client_id"),
        (
            {
                "grant_type": "client_credentials",
                "client_id": CLIENT_ID,
                "client_secret": "x",
            },
            "invalid_client",
        ),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
        ({"grant_type": JWT_GRANT, "assertion": "x.y.z"}, "invalid_grant"),
    ],
)
def test_invalid_grant_is_rejected(
    emulator: RunningEmulator, form: dict[str, str], error: str
) -> None:
    response = _request_token(emulator, **form)
    assert response.status_code == 400
    assert response.json()["error"] == error
    assert response.json()["error_description"]


def test_password_grant_validates_client_and_user(emulator: RunningEmulator) -> None:
    form = {
        "grant_type": "password",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "username": USERNAME,
    }
    accepted = _request_token(emulator, **form, password=PASSWORD + SECURITY_TOKEN)
    assert _can_read(emulator, accepted.json()["access_token"])
    rejected = _request_token(emulator, **form, password="x").json()
    assert rejected == {
        "error": "invalid_grant",
        "error_description": "authentication failure",
    }


def test_jwt_grant_validates_signature_audience_and_user(
    emulator: RunningEmulator,
) -> None:
    key = emulator.org.private_key_file.read_bytes()

    def request_token(**changes: object) -> requests.Response:
        claims = {
            "iss": CLIENT_ID,
            "sub": USERNAME,
            "aud": "https://login.salesforce.com",
            "exp": int(time.time()) + 180,
        }
        signed = jwt.encode({**claims, **changes}, key, algorithm="RS256")
        return _request_token(emulator, grant_type=JWT_GRANT, assertion=signed)

    assert _can_read(emulator, request_token().json()["access_token"])
    assert request_token(aud="https://test.salesforce.com").status_code == 200
    errors = {
        claim: request_token(**{claim: value}).json()["error_description"]
        for claim, value in (
            ("aud", "https://example.com"),
            ("sub", "nobody@example.com"),
            ("exp", int(time.time()) - 600),
        )
    }
    assert errors == {
        "aud": "audience is invalid",
        "sub": "user hasn't approved this consumer",
        "exp": "assertion has expired",
    }
    forged = jwt.encode({"iss": CLIENT_ID}, "x" * 32, algorithm="HS256")
    response = _request_token(emulator, grant_type=JWT_GRANT, assertion=forged)
    assert response.json()["error_description"] == "invalid assertion"


def _soap_login(
    emulator: RunningEmulator, version: str, *login: str
) -> requests.Response:
    return requests.post(
        f"{emulator.http_url}/services/Soap/u/{version}",
        data=ENVELOPE.format(*login),
        headers={"Content-Type": "text/xml", "SOAPAction": "login"},
        timeout=30,
    )


def test_soap_login_returns_a_session(emulator: RunningEmulator) -> None:
    response = _soap_login(emulator, "59.0", USERNAME, PASSWORD + SECURITY_TOKEN)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/xml")
    session = response.text.partition("<sessionId>")[2].partition("</sessionId>")[0]
    assert _can_read(emulator, session)
    assert f"<serverUrl>{emulator.http_url}/services/Soap/u/59.0/" in response.text
    assert "<sandbox>true</sandbox>" in response.text


@pytest.mark.parametrize(
    ("version", "login", "code"),
    [
        ("59.0", (USERNAME, "wrong"), "INVALID_LOGIN"),
        ("59.0", ("nobody", PASSWORD), "INVALID_LOGIN"),
        ("59.0", (USERNAME, PASSWORD), "LOGIN_MUST_USE_SECURITY_TOKEN"),
        ("65.0", (USERNAME, PASSWORD + SECURITY_TOKEN), "UNSUPPORTED_API_VERSION"),
    ],
)
def test_rejected_soap_login_returns_500_and_a_fault(
    emulator: RunningEmulator, *, version: str, login: tuple[str, str], code: str
) -> None:
    response = _soap_login(emulator, version, *login)
    assert response.status_code == 500
    assert f"<faultcode>sf:{code}</faultcode>" in response.text
    assert f"<sf:exceptionCode>{code}</sf:exceptionCode>" in response.text


def test_every_url_is_401_without_a_valid_token(api: Api) -> None:
    expected = [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]
    for token in ("Bearer wrong", "wrong", ""):
        for path in ("/limits", "/nowhere", "/jobs/ingest"):
            response = api.get(path, headers={"Authorization": token})
            assert (response.status_code, response.json()) == (401, expected)
            assert "Sforce-Limit-Info" not in response.headers


def test_userinfo_and_identity_return_the_user(api: Api) -> None:
    host = api.emulator.https_url
    user = api.session.get(f"{host}/services/oauth2/userinfo", timeout=30).json()
    assert user["user_id"] == api.org.user_id
    assert user["organization_id"] == api.org.id
    assert user["preferred_username"] == USERNAME
    assert user["urls"]["rest"] == f"{host}/services/data/v{{version}}/"
    resources = api.get("").json()
    identity = api.session.get(resources["identity"], timeout=30).json()
    assert (identity["username"], identity["user_id"]) == (USERNAME, api.org.user_id)
    token = str(api.session.headers["Authorization"]).removeprefix("Bearer ")
    url = resources["identity"].replace(host, api.emulator.http_url)
    by_parameter = requests.get(
        url, params={"oauth_token": token, "format": "json"}, timeout=30
    )
    assert by_parameter.json()["username"] == USERNAME
    assert token not in str(api.org.log.entries())
    rejected = requests.get(
        f"{api.emulator.http_url}/services/oauth2/userinfo",
        headers={"Authorization": "Bearer x"},
        timeout=30,
    )
    assert (rejected.status_code, rejected.text) == (403, "Bad_OAuth_Token")


def test_revoked_token_is_invalid(emulator: RunningEmulator) -> None:
    token = emulator.org.open_session("test")
    assert _can_read(emulator, token)
    url = f"{emulator.http_url}/services/oauth2/revoke"
    assert requests.post(url, data={"token": token}, timeout=30).status_code == 200
    assert not _can_read(emulator, token)
