"""Tokens by each kind of login, and what is refused without one."""

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
from tests.emulators.salesforce.serve import Started
from tests.emulators.salesforce.tests.api import Api

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8" ?><env:Envelope '
    'xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body>'
    '<n1:login xmlns:n1="urn:partner.soap.sforce.com"><n1:username>{}</n1:username>'
    "<n1:password>{}</n1:password></n1:login></env:Body></env:Envelope>"
)


def _token(running: Started, **form: str) -> requests.Response:
    return requests.post(
        f"{running.http_url}/services/oauth2/token", data=form, timeout=30
    )


def _can_read(running: Started, token: str, scheme: str = "Bearer") -> bool:
    url = f"{running.http_url}/services/data/v60.0/limits/"
    headers = {"authorization": f"{scheme} {token}"}
    return requests.get(url, headers=headers, timeout=30).status_code == 200


def test_client_credentials_give_a_token_in_header_or_form(running: Started) -> None:
    url = f"{running.http_url}/services/oauth2/token"
    grant = {"grant_type": "client_credentials"}
    by_header = requests.post(
        url, data=grant, auth=(CLIENT_ID, CLIENT_SECRET), timeout=30
    ).json()
    by_form = _token(
        running, **grant, client_id=CLIENT_ID, client_secret=CLIENT_SECRET
    ).json()
    for told in (by_header, by_form):
        assert told["token_type"] == "Bearer"
        assert told["instance_url"] == running.http_url
        assert told["id"].endswith(f"/id/{running.org.id}/{running.org.user_id}")
        assert _can_read(running, told["access_token"])
        assert _can_read(running, told["access_token"], scheme="OAuth")


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
def test_a_wrong_grant_is_refused(
    running: Started, form: dict[str, str], error: str
) -> None:
    reply = _token(running, **form)
    assert reply.status_code == 400
    assert reply.json()["error"] == error
    assert reply.json()["error_description"]


def test_the_password_grant_checks_client_and_user(running: Started) -> None:
    form = {
        "grant_type": "password",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "username": USERNAME,
    }
    good = _token(running, **form, password=PASSWORD + SECURITY_TOKEN)
    assert _can_read(running, good.json()["access_token"])
    bad = _token(running, **form, password="x").json()
    assert bad == {
        "error": "invalid_grant",
        "error_description": "authentication failure",
    }


def test_a_jwt_is_checked_by_signature_audience_and_user(running: Started) -> None:
    key = running.org.private_key_file.read_bytes()

    def asked(**changes: object) -> requests.Response:
        claims = {
            "iss": CLIENT_ID,
            "sub": USERNAME,
            "aud": "https://login.salesforce.com",
            "exp": int(time.time()) + 180,
        }
        signed = jwt.encode({**claims, **changes}, key, algorithm="RS256")
        return _token(running, grant_type=JWT_GRANT, assertion=signed)

    assert _can_read(running, asked().json()["access_token"])
    assert asked(aud="https://test.salesforce.com").status_code == 200
    told = {
        change: asked(**{change: value}).json()["error_description"]
        for change, value in (
            ("aud", "https://example.com"),
            ("sub", "nobody@example.com"),
            ("exp", int(time.time()) - 600),
        )
    }
    assert told == {
        "aud": "audience is invalid",
        "sub": "user hasn't approved this consumer",
        "exp": "assertion has expired",
    }
    forged = jwt.encode({"iss": CLIENT_ID}, "x" * 32, algorithm="HS256")
    reply = _token(running, grant_type=JWT_GRANT, assertion=forged)
    assert reply.json()["error_description"] == "invalid assertion"


def _soap(running: Started, version: str, *login: str) -> requests.Response:
    return requests.post(
        f"{running.http_url}/services/Soap/u/{version}",
        data=ENVELOPE.format(*login),
        headers={"Content-Type": "text/xml", "SOAPAction": "login"},
        timeout=30,
    )


def test_a_soap_login_gives_a_session(running: Started) -> None:
    reply = _soap(running, "59.0", USERNAME, PASSWORD + SECURITY_TOKEN)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/xml")
    session = reply.text.partition("<sessionId>")[2].partition("</sessionId>")[0]
    assert _can_read(running, session)
    assert f"<serverUrl>{running.http_url}/services/Soap/u/59.0/" in reply.text
    assert "<sandbox>true</sandbox>" in reply.text


@pytest.mark.parametrize(
    ("version", "login", "code"),
    [
        ("59.0", (USERNAME, "wrong"), "INVALID_LOGIN"),
        ("59.0", ("nobody", PASSWORD), "INVALID_LOGIN"),
        ("59.0", (USERNAME, PASSWORD), "LOGIN_MUST_USE_SECURITY_TOKEN"),
        ("65.0", (USERNAME, PASSWORD + SECURITY_TOKEN), "UNSUPPORTED_API_VERSION"),
    ],
)
def test_a_soap_login_is_refused_with_500_and_a_fault(
    running: Started, *, version: str, login: tuple[str, str], code: str
) -> None:
    reply = _soap(running, version, *login)
    assert reply.status_code == 500
    assert f"<faultcode>sf:{code}</faultcode>" in reply.text
    assert f"<sf:exceptionCode>{code}</sf:exceptionCode>" in reply.text


def test_without_a_good_token_everything_is_401(api: Api) -> None:
    expected = [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]
    for token in ("Bearer wrong", "wrong", ""):
        for path in ("/limits", "/nowhere", "/jobs/ingest"):
            reply = api.get(path, headers={"Authorization": token})
            assert (reply.status_code, reply.json()) == (401, expected)
            assert "Sforce-Limit-Info" not in reply.headers


def test_userinfo_and_identity_tell_who_it_is(api: Api) -> None:
    host = api.running.https_url
    user = api.session.get(f"{host}/services/oauth2/userinfo", timeout=30).json()
    assert user["user_id"] == api.org.user_id
    assert user["organization_id"] == api.org.id
    assert user["preferred_username"] == USERNAME
    assert user["urls"]["rest"] == f"{host}/services/data/v{{version}}/"
    resources = api.get("").json()
    known = api.session.get(resources["identity"], timeout=30).json()
    assert (known["username"], known["user_id"]) == (USERNAME, api.org.user_id)
    token = str(api.session.headers["Authorization"]).removeprefix("Bearer ")
    address = resources["identity"].replace(host, api.running.http_url)
    by_parameter = requests.get(
        address, params={"oauth_token": token, "format": "json"}, timeout=30
    )
    assert by_parameter.json()["username"] == USERNAME
    assert token not in str(api.org.log.entries())
    refused = requests.get(
        f"{api.running.http_url}/services/oauth2/userinfo",
        headers={"Authorization": "Bearer x"},
        timeout=30,
    )
    assert (refused.status_code, refused.text) == (403, "Bad_OAuth_Token")


def test_a_revoked_token_is_no_longer_good(running: Started) -> None:
    token = running.org.open_session("test")
    assert _can_read(running, token)
    url = f"{running.http_url}/services/oauth2/revoke"
    assert requests.post(url, data={"token": token}, timeout=30).status_code == 200
    assert not _can_read(running, token)
