"""OAuth: tokens by client credentials, JWT or password, and who a token stands for."""

import base64
import hashlib
import hmac
import time
from urllib.parse import parse_qs

import jwt
from werkzeug.wrappers import Response

from tests.emulators.salesforce import org as org_module
from tests.emulators.salesforce.api_call import Call, Rule, as_json, empty

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")


class GrantError(Exception):
    """No token is given: `error` and `error_description` of the reply."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


def token(call: Call) -> Response:
    """POST /services/oauth2/token."""
    form = {
        name: given[0]
        for name, given in parse_qs(call.request.get_data().decode()).items()
    }
    form = {**{k: v for k, v in call.request.args.items()}, **form}
    grants = {
        "client_credentials": _client_credentials,
        JWT_GRANT: _jwt,
        "password": _password,
    }
    grant = form.get("grant_type", "")
    try:
        if grant not in grants:
            raise GrantError("unsupported_grant_type", "grant type not supported")
        grants[grant](call, form)
    except GrantError as error:
        told = {"error": error.error, "error_description": str(error)}
        return _unstored(as_json(told, error.status))
    access_token = call.org.open_session(grant)
    identity = f"{call.host_url}/id/{call.org.id}/{call.org.user_id}"
    issued_at = str(int(time.time() * 1000))
    signature = hmac.new(
        org_module.CLIENT_SECRET.encode(),
        (identity + issued_at).encode(),
        hashlib.sha256,
    )
    return _unstored(
        as_json(
            {
                "access_token": access_token,
                "signature": base64.b64encode(signature.digest()).decode(),
                "scope": "id api",
                "instance_url": call.host_url,
                "id": identity,
                "token_type": "Bearer",
                "issued_at": issued_at,
                "api_instance_url": call.host_url,
            }
        )
    )


def _unstored(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-cache, no-store"
    response.headers["Pragma"] = "no-cache"
    return response


def _client_credentials(call: Call, form: dict[str, str]) -> None:
    _check_client(call, form)


def _password(call: Call, form: dict[str, str]) -> None:
    _check_client(call, form)
    good = {
        org_module.PASSWORD,
        org_module.PASSWORD + org_module.SECURITY_TOKEN,
    }
    if form.get("username") != org_module.USERNAME or form.get("password") not in good:
        raise GrantError("invalid_grant", "authentication failure")


def _check_client(call: Call, form: dict[str, str]) -> None:
    given = call.request.authorization
    if given is not None and given.type == "basic":
        client, secret = given.username, given.password
    else:
        client, secret = form.get("client_id"), form.get("client_secret")
    if client != org_module.CLIENT_ID:
        raise GrantError("invalid_client_id", "client identifier invalid")
    if secret != org_module.CLIENT_SECRET:
        raise GrantError("invalid_client", "invalid client credentials")


def _jwt(call: Call, form: dict[str, str]) -> None:
    try:
        claims = jwt.decode(
            form.get("assertion", ""),
            call.org.public_key(),
            algorithms=["RS256"],
            audience=[
                *AUDIENCES,
                call.host_url,
                f"{call.host_url}/services/oauth2/token",
            ],
            options={"require": ["iss", "sub", "aud", "exp"]},
        )
    except jwt.InvalidAudienceError:
        raise GrantError("invalid_grant", "audience is invalid") from None
    except jwt.ExpiredSignatureError:
        raise GrantError("invalid_grant", "assertion has expired") from None
    except jwt.PyJWTError:
        raise GrantError("invalid_grant", "invalid assertion") from None
    if claims["iss"] != org_module.CLIENT_ID:
        raise GrantError("invalid_client_id", "client identifier invalid")
    if claims["sub"] != org_module.USERNAME:
        raise GrantError("invalid_grant", "user hasn't approved this consumer")


def revoke(call: Call) -> Response:
    """POST /services/oauth2/revoke."""
    form = parse_qs(call.request.get_data().decode())
    told = form.get("token", [call.request.args.get("token", "")])[0]
    call.org.end_sessions(told)
    return empty(200)


def userinfo(call: Call) -> Response:
    """GET /services/oauth2/userinfo: the user as OpenID Connect has it."""
    who = user(call)
    url = f"{call.host_url}/id/{call.org.id}/{call.org.user_id}"
    return as_json(
        {
            "sub": url,
            "user_id": call.org.user_id,
            "organization_id": call.org.id,
            "preferred_username": who["Username"],
            "nickname": who["Alias"],
            "name": who["Name"],
            "email": who["Email"],
            "email_verified": True,
            "given_name": who["FirstName"],
            "family_name": who["LastName"],
            "zoneinfo": who["TimeZoneSidKey"],
            "photos": {
                "picture": f"{call.host_url}/profilephoto/005/F",
                "thumbnail": f"{call.host_url}/profilephoto/005/T",
            },
            "profile": f"{call.host_url}/{call.org.user_id}",
            "picture": f"{call.host_url}/profilephoto/005/F",
            "address": {},
            "urls": _urls(call),
            "active": True,
            "user_type": "STANDARD",
            "language": "en_US",
            "locale": "en_US",
            "utcOffset": 0,
            "updated_at": who["LastModifiedDate"].replace("+0000", "Z"),
            "is_app_installed": True,
        }
    )


def identity(call: Call, org_id: str, user_id: str) -> Response:
    """GET /id/ORG/USER: the user as Salesforce's identity service has it."""
    who = user(call)
    return as_json(
        {
            "id": f"{call.host_url}/id/{org_id}/{user_id}",
            "asserted_user": True,
            "user_id": call.org.user_id,
            "organization_id": call.org.id,
            "username": who["Username"],
            "nick_name": who["Alias"],
            "display_name": who["Name"],
            "email": who["Email"],
            "email_verified": True,
            "first_name": who["FirstName"],
            "last_name": who["LastName"],
            "timezone": who["TimeZoneSidKey"],
            "photos": {
                "picture": f"{call.host_url}/profilephoto/005/F",
                "thumbnail": f"{call.host_url}/profilephoto/005/T",
            },
            "addr_street": None,
            "addr_city": None,
            "addr_state": None,
            "addr_country": None,
            "addr_zip": None,
            "mobile_phone": None,
            "mobile_phone_verified": False,
            "is_lightning_login_user": False,
            "status": {"created_date": None, "body": None},
            "urls": _urls(call),
            "active": True,
            "user_type": "STANDARD",
            "language": "en_US",
            "locale": "en_US",
            "utcOffset": 0,
            "last_modified_date": who["LastModifiedDate"],
            "is_app_installed": True,
        }
    )


def user(call: Call) -> dict[str, str]:
    """Return the record of the user whose tokens these are."""
    sobject = call.sobject("User")
    record = call.org.store.by_id(sobject, [call.org.user_id])[call.org.user_id]
    return {
        field.name: value for field, value in zip(sobject.fields, record, strict=True)
    }


def _urls(call: Call) -> dict[str, str]:
    host = call.host_url
    org_id = call.org.id
    data = f"{host}/services/data/v{{version}}/"
    return {
        "enterprise": f"{host}/services/Soap/c/{{version}}/{org_id}",
        "metadata": f"{host}/services/Soap/m/{{version}}/{org_id}",
        "partner": f"{host}/services/Soap/u/{{version}}/{org_id}",
        "rest": data,
        "sobjects": f"{data}sobjects/",
        "search": f"{data}search/",
        "query": f"{data}query/",
        "recent": f"{data}recent/",
        "tooling_soap": f"{host}/services/Soap/T/{{version}}/{org_id}",
        "tooling_rest": f"{data}tooling/",
        "profile": f"{host}/{call.org.user_id}",
        "feeds": f"{data}chatter/feeds",
        "groups": f"{data}chatter/groups",
        "users": f"{data}chatter/users",
        "feed_items": f"{data}chatter/feed-items",
        "feed_elements": f"{data}chatter/feed-elements",
        "custom_domain": host,
    }


RULES: list[Rule] = [
    ("POST,GET", "/services/oauth2/token", token),
    ("POST,GET", "/services/oauth2/revoke", revoke),
]
BEARER_RULES: list[Rule] = [
    ("GET,POST", "/services/oauth2/userinfo", userinfo),
    ("GET", "/id/<org_id>/<user_id>", identity),
]
