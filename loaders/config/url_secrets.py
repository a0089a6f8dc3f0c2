"""The secrets in a URL whose parts are credentials, such as that of an alert service.

Services put their tokens anywhere: into the login, the host, the path, the parameters.
So every part counts as a secret, except what is known to be public: the scheme, a host
that is a domain name or an address, and parameters and words that tokens do not use.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote, unquote_plus

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"\\]+")
PUBLIC_HOST = re.compile(
    r"(?i)localhost|\d+(\.\d+){3}|\[[0-9a-f:.]+\]|([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)+[a-z]{2,24}"
)
# Parameters of apprise that are no credentials.
PUBLIC_PARAMETERS = re.compile(
    r"(?i)action|avatar|batch|b?cc|bypass|click|color|cto|emojis|fields|footer|format"
    r"|from|image|method|mode|name|optional|overflow|priority|region|reply|retry|rto"
    r"|severity|smtp|sound|store|subject|tags|template|to|tz|verify|wait"
    r"|api-version|sp|sv"
)
# Words in the paths of webhooks. Masking them would spoil our own messages.
PUBLIC_WORDS = re.compile(
    r"(?i)alerts|channels?|general|hooks|invoke|manual|metrics|nightshift|notify"
    r"|on-?call|paths|production|services|staging|triggers|webhooks?|workflows?"
)


def is_url(text: str) -> bool:
    """Return whether the text is one URL."""
    return URL.match(text) is not None


def find_urls(text: str) -> list[str]:
    """Return the URLs in a setting's value, which may be malformed."""
    return [url.rstrip(",]}'") for url in URL.findall(text)]


@lru_cache(maxsize=64)
def secrets_of(url: str) -> tuple[str, ...]:
    """Return the parts of a URL to mask: as they are written and decoded."""
    return tuple(
        dict.fromkeys(
            form
            for part in _secret_parts(url)
            for form in (part, unquote(part), unquote_plus(part))
            if form and not PUBLIC_WORDS.fullmatch(form)
        )
    )


def _secret_parts(url: str) -> Iterator[str]:
    rest = url.partition("://")[2]
    location, _, query = rest.partition("?")
    login_and_host, slash, path = location.partition("/")
    login, _, host = login_and_host.rpartition("@")
    name, _, port = host.partition(":") if not host.startswith("[") else (host, "", "")
    is_public = PUBLIC_HOST.fullmatch(name) is not None
    yield rest
    yield login
    yield from login.split(":")
    if not is_public:
        yield login_and_host
        yield name
    if not port.isdigit():
        yield port
    if "/" in path.strip("/"):
        yield slash + path
        yield path.strip("/")
    for part in path.split("/"):
        # Channels and recipients are public.
        if not part.startswith(("#", "@", "%23", "%40")):
            yield part
            yield from part.split(":")
    for parameter in re.split("[&;]", query):
        key, _, value = parameter.partition("=")
        if not PUBLIC_PARAMETERS.fullmatch(key):
            yield value
