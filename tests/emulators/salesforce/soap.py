"""SOAP login of the partner and enterprise APIs: a session, or a fault with HTTP 500.

A security token stands at the password's end; with an organizationId (logins from a
trusted address) none is wanted. From API 65 on there is no such login.
"""

from xml.etree import ElementTree
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from tests.emulators.salesforce import oauth
from tests.emulators.salesforce import org as org_module
from tests.emulators.salesforce.api_call import XML, Call, Rule
from tests.emulators.salesforce.objects import identifiers

LAST_VERSION = 64.0
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
NAMESPACES = {"u": "urn:partner.soap.sforce.com", "c": "urn:enterprise.soap.sforce.com"}
INVALID_LOGIN = "Invalid username, password, security token; or user locked out."
RETIRED = "The login() call is not available in API version {} and later"


class LoginFault(Exception):
    """The login is refused, with a code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def login(call: Call, api: str, version: str, rest: str = "") -> Response:
    """POST /services/Soap/u/XX.X (or c): the only call that is known is login."""
    try:
        _check(call, version)
    except LoginFault as fault:
        return _xml(_fault(api, fault), 500)
    session = call.org.open_session("soap")
    return _xml(_session(call, api, version, session), 200)


def _check(call: Call, version: str) -> None:
    try:
        root = ElementTree.fromstring(call.request.get_data())
    except ElementTree.ParseError as error:
        raise LoginFault(
            "UNKNOWN_EXCEPTION", f"The envelope is no XML: {error}"
        ) from None
    told = {
        element.tag.rpartition("}")[2]: element.text or "" for element in root.iter()
    }
    if "login" not in told:
        raise LoginFault("UNKNOWN_EXCEPTION", "Only login is to be had here")
    if not version.replace(".", "", 1).isdigit() or float(version) > LAST_VERSION:
        text = RETIRED.format(LAST_VERSION + 1)
        raise LoginFault("UNSUPPORTED_API_VERSION", text)
    good = {org_module.PASSWORD + org_module.SECURITY_TOKEN}
    if told.get("organizationId"):
        good.add(org_module.PASSWORD)
    if told.get("username") != org_module.USERNAME:
        raise LoginFault("INVALID_LOGIN", INVALID_LOGIN)
    if told.get("password") == org_module.PASSWORD and len(good) == 1:
        raise LoginFault("LOGIN_MUST_USE_SECURITY_TOKEN", INVALID_LOGIN)
    if told.get("password") not in good:
        raise LoginFault("INVALID_LOGIN", INVALID_LOGIN)


def _fault(api: str, fault: LoginFault) -> str:
    namespace = NAMESPACES[api].replace("urn:", "urn:fault.")
    text = escape(str(fault))
    return (
        f'<soapenv:Envelope xmlns:soapenv="{ENVELOPE}" xmlns:sf="{namespace}" '
        f'xmlns:xsi="{INSTANCE}"><soapenv:Body><soapenv:Fault>'
        f"<faultcode>sf:{fault.code}</faultcode>"
        f"<faultstring>{fault.code}: {text}</faultstring>"
        '<detail><sf:LoginFault xsi:type="sf:LoginFault">'
        f"<sf:exceptionCode>{fault.code}</sf:exceptionCode>"
        f"<sf:exceptionMessage>{text}</sf:exceptionMessage>"
        "</sf:LoginFault></detail>"
        "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )


def _session(call: Call, api: str, version: str, session: str) -> str:
    user = oauth.user(call)
    org_id = call.org.id[: identifiers.SHORT]
    sandbox = "true" if call.org.is_sandbox() else "false"
    info = {
        "organizationId": call.org.id,
        "organizationName": call.org.name(),
        "userEmail": user["Email"],
        "userFullName": user["Name"],
        "userId": call.org.user_id,
        "userLanguage": user["LanguageLocaleKey"],
        "userLocale": user["LocaleSidKey"],
        "userName": user["Username"],
        "userTimeZone": user["TimeZoneSidKey"],
        "userType": user["UserType"],
        "userUiSkin": "Theme3",
    }
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in info.items())
    soap = f"{call.host_url}/services/Soap"
    return (
        f'<soapenv:Envelope xmlns:soapenv="{ENVELOPE}" xmlns="{NAMESPACES[api]}" '
        f'xmlns:xsi="{INSTANCE}"><soapenv:Body><loginResponse><result>'
        f"<metadataServerUrl>{soap}/m/{version}/{org_id}</metadataServerUrl>"
        "<passwordExpired>false</passwordExpired>"
        f"<sandbox>{sandbox}</sandbox>"
        f"<serverUrl>{soap}/{api}/{version}/{org_id}</serverUrl>"
        f"<sessionId>{escape(session)}</sessionId>"
        f"<userId>{call.org.user_id}</userId>"
        f"<userInfo>{inner}</userInfo>"
        "</result></loginResponse></soapenv:Body></soapenv:Envelope>"
    )


def _xml(text: str, status: int) -> Response:
    return Response((HEAD + text).encode(), status, content_type=XML)


RULES: list[Rule] = [
    ("POST", "/services/Soap/<any(u,c):api>/<version>", login),
    ("POST", "/services/Soap/<any(u,c):api>/<version>/<rest>", login),
]
