"""Mail addresses: parsing, validation, and the form in which they go to a server."""

from dataclasses import dataclass
from email.errors import MessageError, NonASCIILocalPartDefect
from email.headerregistry import Address, HeaderRegistry
from ipaddress import ip_address
from typing import Any
from unicodedata import normalize

import idna

MAX_LOCAL_BYTES = 64
MAX_ADDRESS_BYTES = 254

_header: Any = HeaderRegistry()


@dataclass(frozen=True)
class MailAddress:
    """A valid mail address; a domain outside ASCII is in its IDNA form."""

    display_name: str
    local: str
    domain: str

    @property
    def addr_spec(self) -> str:
        """The address as the server receives it, for example `a@example.com`."""
        return self.header.addr_spec

    @property
    def header(self) -> Address:
        """The address with its display name, for a message header."""
        return Address(self.display_name, self.local, self.domain)

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a server with SMTPUTF8 can take the address."""
        return not self.local.isascii()

    @property
    def key(self) -> str:
        """The form in which addresses are compared: without regard to case."""
        return self.addr_spec.lower()


def parse_address(text: str) -> MailAddress:
    """Parse `a@example.com` or `Name <a@example.com>`.

    Raises `ValueError` with the text and the reason.
    """
    text = normalize("NFC", text.strip())
    if not text.isprintable():
        raise ValueError(f"{text!r} contains a control character or a line break.")
    try:
        header = _header("To", text)
    except (LookupError, AttributeError, TypeError, MessageError, RecursionError):
        # The library's parser also raises these for malformed addresses.
        raise ValueError(f"{text!r} is not a mail address.") from None
    is_single = len(header.addresses) == 1 and len(header.groups) == 1
    if not is_single or header.groups[0].display_name is not None:
        raise ValueError(f"{text!r} is not one mail address.")
    defects = [
        defect
        for defect in header.defects
        if not isinstance(defect, NonASCIILocalPartDefect)
    ]
    (parsed,) = header.addresses
    if defects or not parsed.username or not parsed.display_name.isprintable():
        raise ValueError(f"{text!r} is not a mail address.")
    try:
        domain = _ascii_domain(parsed.domain)
        address = MailAddress(parsed.display_name, parsed.username, domain)
        spec = address.addr_spec.encode()
    except ValueError as error:  # also of idna, of ipaddress, and lone surrogates
        raise ValueError(f"{text!r} is not a mail address ({error}).") from None
    if len(spec) > MAX_ADDRESS_BYTES or len(address.local.encode()) > MAX_LOCAL_BYTES:
        raise ValueError(f"{text!r} is too long for a mail address.")
    return address


def _ascii_domain(domain: str) -> str:
    """Return the domain in ASCII, by IDNA 2008; an IP address in brackets stays."""
    if domain.startswith("["):
        ip_address(domain.strip("[]").removeprefix("IPv6:"))
        return domain
    encoded = idna.encode(domain, uts46=True).decode("ascii")
    if encoded.endswith("."):
        raise ValueError("the domain ends with a full stop")
    return encoded
