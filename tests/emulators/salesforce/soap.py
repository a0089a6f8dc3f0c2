"""SOAP login of the partner and enterprise APIs.

The response has a session id, or is a SOAP fault with HTTP status 500. The security
token is appended to the password; a login with an organizationId (from a trusted IP
address) needs none. API version 65 and later do not have this login.
"""

from xml.etree import ElementTree
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from tests.emulators.salesforce import oauth
from tests.emulators.salesforce import org as org_module
from tests.emulators.salesforce.api_call import XML, ApiCall, Rule
from tests.emulators.salesforce.objects import identifiers

LAST_VERSION = 64.0
XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
NAMESPACES = {"u": "urn:partner.soap.sforce.com", "c": "urn:enterprise.soap.sforce.com"}
INVALID_LOGIN = "Invalid username, password, security token; or user locked out."
RETIRED = "The login() call is not available in API version {} and later"


class LoginFault(Exception):
    """A rejected login, with Salesforce's exception code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def login(call: ApiCall, api: str, version: str, rest: str = "") -> Response:
    """POST /services/Soap/u/XX.X (or c): login is the only supported operation."""
    try:
        _validate(call, version)
    except LoginFault as fault:
        return _xml_response(_fault_xml(api, fault), 500)
    session = call.org.open_session("soap")
    return _xml_response(_login_response_xml(call, api, version, session), 200)


def _validate(call: ApiCall, version: str) -> None:
    try:
        root = ElementTree.fromstring(call.request.get_data())
    except ElementTree.ParseError as error:
        raise LoginFault(
            "UNKNOWN_EXCEPTION", f"The envelope is not well-formed XML: {error}"
        ) from None
    elements = {
        element.tag.rpartition("}")[2]: element.text or "" for element in root.iter()
    }
    if "login" not in elements:
        raise LoginFault("UNKNOWN_EXCEPTION", "Only the login() call is supported")
    if not version.replace(".", "", 1).isdigit() or float(version) > LAST_VERSION:
        text = RETIRED.format(LAST_VERSION + 1)
        raise LoginFault("UNSUPPORTED_API_VERSION", text)
    passwords = {org_module.PASSWORD + org_module.SECURITY_TOKEN}
    if elements.get("organizationId"):
        passwords.add(org_module.PASSWORD)
    if elements.get("username") != org_module.USERNAME:
        raise LoginFault("INVALID_LOGIN", INVALID_LOGIN)
    if elements.get("password") == org_module.PASSWORD and len(passwords) == 1:
        raise LoginFault("LOGIN_MUST_USE_SECURITY_TOKEN", INVALID_LOGIN)
    if elements.get("password") not in passwords:
        raise LoginFault("INVALID_LOGIN", INVALID_LOGIN)


def _fault_xml(api: str, fault: LoginFault) -> str:
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


def _login_response_xml(call: ApiCall, api: str, version: str, session: str) -> str:
    user = oauth.current_user(call)
    org_id = call.org.id[: identifiers.SHORT_LENGTH]
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
    user_info = "".join(
        f"<{name}>{escape(value)}</{name}>" for name, value in info.items()
    )
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
        f"<userInfo>{user_info}</userInfo>"
        "</result></loginResponse></soapenv:Body></soapenv:Envelope>"
    )


def _xml_response(text: str, status: int) -> Response:
    return Response((XML_DECLARATION + text).encode(), status, content_type=XML)


RULES: list[Rule] = [
    ("POST", "/services/Soap/<any(u,c):api>/<version>", login),
    ("POST", "/services/Soap/<any(u,c):api>/<version>/<rest>", login),
]
