"""SHA-256 passwords: how they are stored, and the login with a digest of one.

Redshift stores SHA256(password + salt). At login it sends the salt and a random nonce;
the client responds with SHA256(stored digest + server nonce + client nonce) and its own
nonce. PostgreSQL has no such passwords: the user's password there is the stored digest
in hexadecimal, so that the relay can log in for a client that it has authenticated.
"""

import hashlib
import hmac
import re
import secrets
import struct
from dataclasses import dataclass

from tests.emulators.redshift.errors import RedshiftError

REQUEST_DIGEST = 13  # the authentication code of Redshift's digest login
SHA256 = 0
_LENGTH = struct.Struct("!I")
_HASHED = re.compile(r"sha256\|([0-9a-fA-F]{64})\|(.+)", re.DOTALL)


@dataclass(frozen=True)
class DigestPassword:
    """A SHA-256 password: the hexadecimal digest of password and salt, and the salt."""

    digest: str
    salt: str

    @property
    def stored(self) -> str:
        """The digest and the salt as one string."""
        return f"{self.digest}|{self.salt}"


def read_password(value: str) -> DigestPassword | None:
    """Return the password of `sha256|password` or `sha256|digest|salt`, else None."""
    if not value.lower().startswith("sha256|"):
        return None
    hashed = _HASHED.fullmatch(value)
    if hashed:
        return DigestPassword(hashed[1].lower(), hashed[2])
    salt = secrets.token_hex(16)
    password = value.split("|", 1)[1]
    digest = hashlib.sha256((password + salt).encode()).hexdigest()
    return DigestPassword(digest, salt)


def read_stored(stored: str) -> DigestPassword:
    """Return the password that `DigestPassword.stored` returned as a string."""
    digest, _, salt = stored.partition("|")
    return DigestPassword(digest, salt)


def pack_request(password: DigestPassword, nonce: bytes) -> bytes:
    """Pack the authentication request: algorithm, salt and the server's nonce."""
    salt = password.salt.encode()
    parts = [
        struct.pack("!II", REQUEST_DIGEST, SHA256),
        _LENGTH.pack(len(salt)) + salt,
        _LENGTH.pack(len(nonce)) + nonce,
    ]
    return b"".join(parts)


def is_valid(password: DigestPassword, nonce: bytes, response: bytes) -> bool:
    """Whether a client's response proves that it has the password.

    Raises RedshiftError if the response is malformed.
    """
    try:
        (length,) = _LENGTH.unpack_from(response)
        digest = response[4 : 4 + length]
        (nonce_length,) = _LENGTH.unpack_from(response, 4 + length)
    except struct.error:
        raise RedshiftError("invalid digest response", "08P01", is_fatal=True) from None
    client_nonce = response[8 + length : 8 + length + nonce_length]
    stored = bytes.fromhex(password.digest)
    expected = hashlib.sha256(stored + nonce + client_nonce).digest()
    return hmac.compare_digest(digest, expected)
