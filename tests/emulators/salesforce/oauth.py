"""OAuth: token requests (client credentials, JWT, password) and user information."""

import base64
import hashlib
import hmac
import time
from urllib.parse import parse_qs

import jwt
from werkzeug.wrappers import Response

from tests.emulators.salesforce import org as org_module
from tests.emulators.salesforce.api_call import (
    ApiCall,
    Rule,
    empty_response,
    json_response,
)

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")


class GrantError(Exception):
    """A rejected token request: `error` and `error_description` of the response."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


def token(call: ApiCall) -> Response:
    """POST /services/oauth2/token."""
    form = dict(call.request.args.items())
    form |= {
        name: values[0]
        for name, values in parse_qs(call.request.get_data().decode()).items()
    }
    validators = {
        "client_credentials": _validate_client,
        JWT_GRANT: _validate_jwt,
        "password": _validate_password,
    }
    grant = form.get("grant_type", "")
    try:
        if grant not in validators:
            raise GrantError("unsupported_grant_type", "grant type not supported")
        validators[grant](call, form)
    except GrantError as error:
        body = {"error": error.error, "error_description": str(error)}
        return _without_cache(json_response(body, error.status))
    access_token = call.org.open_session(grant)
    identity = f"{call.host_url}/id/{call.org.id}/{call.org.user_id}"
    issued_at = str(int(time.time() * 1000))
    signature = hmac.new(
        org_module.CLIENT_SECRET.encode(),
        (identity + issued_at).encode(),
        hashlib.sha256,
    )
    return _without_cache(
        json_response(
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


def _without_cache(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-cache, no-store"
    response.headers["Pragma"] = "no-cache"
    return response


def _validate_password(call: ApiCall, form: dict[str, str]) -> None:
    _validate_client(call, form)
    passwords = (
        org_module.PASSWORD,
        org_module.PASSWORD + org_module.SECURITY_TOKEN,
    )
    if (
        form.get("username") != org_module.USERNAME
        or form.get("password") not in passwords
    ):
        raise GrantError("invalid_grant", "authentication failure")


def _validate_client(call: ApiCall, form: dict[str, str]) -> None:
    header = call.request.authorization
    if header is not None and header.type == "basic":
        client_id, secret = header.username, header.password
    else:
        client_id, secret = form.get("client_id"), form.get("client_secret")
    if client_id != org_module.CLIENT_ID:
        raise GrantError("invalid_client_id", "client identifier invalid")
    if secret != org_module.CLIENT_SECRET:
        raise GrantError("invalid_client", "invalid client credentials")


def _validate_jwt(call: ApiCall, form: dict[str, str]) -> None:
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


def revoke(call: ApiCall) -> Response:
    """POST /services/oauth2/revoke."""
    form = parse_qs(call.request.get_data().decode())
    access_token = form.get("token", [call.request.args.get("token", "")])[0]
    call.org.end_sessions(access_token)
    return empty_response(200)


def userinfo(call: ApiCall) -> Response:
    """GET /services/oauth2/userinfo: the user in OpenID Connect's format."""
    user = current_user(call)
    url = f"{call.host_url}/id/{call.org.id}/{call.org.user_id}"
    return json_response(
        {
            "sub": url,
            "user_id": call.org.user_id,
            "organization_id": call.org.id,
            "preferred_username": user["Username"],
            "nickname": user["Alias"],
            "name": user["Name"],
            "email": user["Email"],
            "email_verified": True,
            "given_name": user["FirstName"],
            "family_name": user["LastName"],
            "zoneinfo": user["TimeZoneSidKey"],
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
            "updated_at": user["LastModifiedDate"].replace("+0000", "Z"),
            "is_app_installed": True,
        }
    )


def identity(call: ApiCall, org_id: str, user_id: str) -> Response:
    """GET /id/ORG/USER: the user in the format of Salesforce's identity URL."""
    user = current_user(call)
    return json_response(
        {
            "id": f"{call.host_url}/id/{org_id}/{user_id}",
            "asserted_user": True,
            "user_id": call.org.user_id,
            "organization_id": call.org.id,
            "username": user["Username"],
            "nick_name": user["Alias"],
            "display_name": user["Name"],
            "email": user["Email"],
            "email_verified": True,
            "first_name": user["FirstName"],
            "last_name": user["LastName"],
            "timezone": user["TimeZoneSidKey"],
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
            "last_modified_date": user["LastModifiedDate"],
            "is_app_installed": True,
        }
    )


def current_user(call: ApiCall) -> dict[str, str]:
    """Return the User record of the user who owns all sessions, by field name."""
    sobject = call.sobject("User")
    record = call.org.store.get_by_ids(sobject, [call.org.user_id])[call.org.user_id]
    return {
        field.name: value for field, value in zip(sobject.fields, record, strict=True)
    }


def _urls(call: ApiCall) -> dict[str, str]:
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
